import { createGunzip, createInflate, gunzipSync, inflateSync, type ZlibOptions } from "node:zlib";
import { InferError, toInferError } from "../../../protocols/core/status.ts";
import type { ByteBudget } from "../../request/byte-budget.ts";
import { BodyBuffer } from "./body-buffer.ts";
import type { BodyReceiver } from "./body-read.ts";
import type { ContentCoding } from "./content-coding.ts";

/** What is no longer, compressed and plain, takes less time here than on its way to another thread and back. */
const SMALL_BYTES = 8 * 1024;
const SMALL_PLAIN_BYTES = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;

/**
 * Hands on what a compressed body holds. Plain bytes count as those of the body do: at most maxBodyBytes,
 * and each piece is reserved before there is a next, so that a bomb ends where it grows too large. What
 * is not small is inflated on libuv's threads.
 */
export class InflatedBody implements BodyReceiver {
  readonly #coding: ContentCoding;
  readonly #body: BodyBuffer;
  readonly #maxBytes: number;
  readonly #budget: ByteBudget;
  readonly #receiver: BodyReceiver;

  /** @param body holds the compressed bytes, and the plain ones from then on */
  constructor(coding: ContentCoding, body: BodyBuffer, budget: ByteBudget, receiver: BodyReceiver) {
    this.#coding = coding;
    this.#body = body;
    this.#maxBytes = body.maxBytes;
    this.#budget = budget;
    this.#receiver = receiver;
  }

  onBody(bytes: Uint8Array, isBorrowed: boolean): void {
    let plain: Uint8Array | null;
    try {
      plain = this.#tryAtOnce(bytes);
    } catch (thrown) {
      this.#receiver.onBodyFailed(toInferError(thrown));
      return;
    }
    if (plain === null) void this.#inflate(isBorrowed ? new Uint8Array(bytes) : bytes);
    else this.#receiver.onBody(plain, false);
  }

  onBodyFailed(reason: InferError): void {
    this.#receiver.onBodyFailed(reason);
  }

  /** null: it is not small. @throws InferError */
  #tryAtOnce(bytes: Uint8Array): Uint8Array | null {
    if (bytes.byteLength > SMALL_BYTES) return null;
    const maxOutputLength = Math.min(SMALL_PLAIN_BYTES, this.#maxBytes);
    try {
      const plain = inflateNow(this.#coding, bytes, maxOutputLength);
      this.#body.holdAtLeast(bytes.byteLength + plain.byteLength);
      return plain;
    } catch (thrown) {
      if (isCode(thrown, "ERR_BUFFER_TOO_LARGE")) return null;
      throw malformed(this.#coding, thrown);
    }
  }

  async #inflate(bytes: Uint8Array): Promise<void> {
    // Growth is reserved as that of a chunked body is.
    const plain = new BodyBuffer(null, this.#maxBytes, this.#budget);
    try {
      await pump(this.#coding, bytes, (chunk, totalBytes) => {
        if (totalBytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
        plain.append(chunk);
      });
    } catch (thrown) {
      plain.release();
      this.#receiver.onBodyFailed(malformed(this.#coding, thrown));
      return;
    }
    this.#body.takeOver(plain);
    this.#receiver.onBody(plain.take(), false);
  }
}

/** @throws what zlib throws; InferError for bytes behind the end */
function inflateNow(coding: ContentCoding, bytes: Uint8Array, maxOutputLength: number): Buffer {
  const inflate = coding === "gzip" ? gunzipSync : inflateSync;
  // With `info` it gives the engine too, which the types do not know.
  const options: ZlibOptions = { maxOutputLength, info: true };
  const { buffer, engine } = inflate(bytes, options) as unknown as {
    readonly buffer: Buffer;
    readonly engine: { readonly bytesWritten: number };
  };
  assertAllRead(coding, engine.bytesWritten, bytes);
  return buffer;
}

/** @param take throws to end it early */
function pump(
  coding: ContentCoding,
  bytes: Uint8Array,
  take: (chunk: Uint8Array, totalBytes: number) => void,
): Promise<void> {
  const options = { chunkSize: CHUNK_BYTES };
  const stream = coding === "gzip" ? createGunzip(options) : createInflate(options);
  let totalBytes = 0;
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk: Uint8Array) => {
      totalBytes += chunk.byteLength;
      try {
        take(chunk, totalBytes);
      } catch (thrown) {
        stream.destroy();
        reject(thrown);
      }
    });
    stream.on("error", reject);
    stream.on("end", () => {
      try {
        assertAllRead(coding, stream.bytesWritten, bytes);
        resolve();
      } catch (thrown) {
        reject(thrown);
      }
    });
    stream.end(bytes);
  });
}

/** zlib passes over what follows the end. */
function assertAllRead(coding: ContentCoding, readBytes: number, bytes: Uint8Array): void {
  const leftBytes = bytes.byteLength - readBytes;
  if (leftBytes <= 0) return;
  throw new InferError("invalid-argument", `${leftBytes} bytes follow the ${coding} data`);
}

function malformed(coding: ContentCoding, thrown: unknown): InferError {
  if (thrown instanceof InferError) return thrown;
  if (!(thrown instanceof Error && "errno" in thrown)) return toInferError(thrown);
  return new InferError(
    "invalid-argument",
    `the body is not what 'content-encoding: ${coding}' says: ${thrown.message}`,
  );
}

function tooLarge(maxBytes: number): InferError {
  return new InferError(
    "payload-too-large",
    `the body may have ${maxBytes} bytes (maxBodyBytes), got more when decompressed`,
    { details: { maxBodyBytes: maxBytes } },
  );
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === code;
}
