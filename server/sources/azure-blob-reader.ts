import { setTimeout as pause } from "node:timers/promises";
import type { BlobDownloadResponseParsed } from "@azure/storage-blob";
import {
  type AzureCredentials,
  NO_RETRIES,
  openContainer,
} from "../../protocols/repository/azure-container.ts";
import { describeAzureFailure } from "../../protocols/repository/azure-failure.ts";
import { describeSasProblem } from "../../protocols/repository/azure-sas.ts";
import { parseContainerLocation } from "../../protocols/repository/location.ts";
import { type Progress, withTimeout } from "../../protocols/repository/with-timeout.ts";
import {
  type ListedFile,
  MAX_LISTED_FILES,
  type Range,
  ReadError,
  type RepositoryReader,
  type Snapshot,
} from "./repository-reader.ts";

/** Longest wait without a byte, of one try. */
const STALL_MS = 10_000;
const MAX_LISTED = 100;
/** What broke after this many bytes is kept: the next range begins there. */
const WORTH_KEEPING_BYTES = 64 * 1024;
const MAX_TRIES = 3;
const RETRY_FIRST_MS = 250;
const MS_PER_SECOND = 1000;
const PARTIAL_CONTENT = 206;

export interface AzureBlobReaderOptions {
  readonly stallMs: number;
}

/**
 * A repository in an Azure Blob container. Connects on first use. What may pass by itself is tried
 * three times; what the service wants to be left alone with (Retry-After) is refused here until then.
 */
export class AzureBlobReader implements RepositoryReader {
  readonly description: string;
  readonly #location: string;
  #credentials: AzureCredentials;
  #opened: ReturnType<typeof openContainer> | null = null;
  readonly #stallMs: number;
  /** performance.now() of the end of the last Retry-After. */
  #notBeforeMs = 0;

  /** @throws LocationError */
  constructor(
    location: string,
    credentials: AzureCredentials,
    options: Partial<AzureBlobReaderOptions> = {},
  ) {
    const { endpoint, container, prefix } = parseContainerLocation(location);
    this.description = `Azure Blob container ${endpoint}/${container}/${prefix}`;
    this.#stallMs = options.stallMs ?? STALL_MS;
    this.#location = location;
    this.#credentials = credentials;
  }

  async readIfChanged(
    path: string,
    etag: string | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Snapshot | null> {
    return this.#call(path, signal, async (abortSignal, progress) => {
      const { client, prefix } = await this.#open();
      const conditions = etag === null ? {} : { ifNoneMatch: etag };
      const blob = client.getBlobClient(prefix + path);
      // 304 comes as an error, or as an answer without a body, depending on the library's version.
      const answer = await blob
        .download(0, undefined, { conditions, abortSignal, maxRetryRequests: 0 })
        .catch(unless304);
      if (answer === null || answer._response.status === 304) return null;
      const bytes = await collect(path, answer, maxBytes, progress);
      return { bytes, etag: answer.etag ?? "" };
    });
  }

  async readRange(
    path: string,
    offset: number,
    into: Uint8Array,
    etag: string | null,
    signal: AbortSignal,
  ): Promise<Range> {
    return this.#call(path, signal, async (abortSignal, progress) => {
      const { client, prefix } = await this.#open();
      const conditions = etag === null ? {} : { ifMatch: etag };
      const blob = client.getBlobClient(prefix + path);
      const options = { conditions, abortSignal, maxRetryRequests: 0 };
      const answer = await blob.download(offset, into.byteLength, options);
      assertRange(path, answer);
      const total = totalBytes(path, answer);
      const asked = into.subarray(0, Math.max(0, total - offset));
      const bytes = await collectInto(path, answer, asked, progress);
      return { bytes, etag: answer.etag ?? "", totalBytes: total };
    });
  }

  async listRoot(signal: AbortSignal): Promise<readonly string[]> {
    return this.#call(".", signal, async (abortSignal) => {
      const { client, prefix } = await this.#open();
      const names: string[] = [];
      for await (const item of client.listBlobsByHierarchy("/", { prefix, abortSignal })) {
        names.push(item.name.slice(prefix.length).replace(/\/$/, ""));
        if (names.length === MAX_LISTED) break;
      }
      return names;
    });
  }

  async listFiles(signal: AbortSignal): Promise<readonly ListedFile[]> {
    return this.#call(".", signal, async (abortSignal, progress) => {
      const { client, prefix } = await this.#open();
      const files: ListedFile[] = [];
      for await (const { name, properties } of client.listBlobsFlat({ prefix, abortSignal })) {
        progress();
        if (files.length === MAX_LISTED_FILES) {
          throw new ReadError("failed", ".", `holds more than ${MAX_LISTED_FILES} files`);
        }
        const path = name.slice(prefix.length);
        if (path.split("/").some((segment) => segment.startsWith("."))) continue;
        const bytes = properties.contentLength ?? 0;
        files.push({ path, bytes, stamp: quoted(properties.etag) });
      }
      return files;
    });
  }

  watch(): () => void {
    return () => undefined;
  }

  #open(): ReturnType<typeof openContainer> {
    const rotated = rotate(this.#credentials);
    if (rotated !== null) {
      this.#credentials = rotated;
      this.#opened = null;
    }
    this.#opened ??= openContainer(this.#location, this.#credentials, NO_RETRIES);
    return this.#opened;
  }

  async #call<T>(
    path: string,
    signal: AbortSignal,
    call: (signal: AbortSignal, progress: Progress) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      this.#assertMayAsk(path);
      try {
        return await withTimeout(signal, this.#stallMs, call);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ReadError) throw error;
        if (!this.#isWorthAnotherTry(error) || tries === MAX_TRIES) {
          throw this.#toReadError(path, error);
        }
      }
      await pause(RETRY_FIRST_MS * 2 ** (tries - 1), undefined, { signal });
    }
  }

  #assertMayAsk(path: string): void {
    const waitMs = this.#notBeforeMs - performance.now();
    if (waitMs <= 0) return;
    const seconds = Math.ceil(waitMs / MS_PER_SECOND);
    throw new ReadError(
      "failed",
      path,
      `the service asked to wait ${seconds} s more (Retry-After)`,
    );
  }

  #isWorthAnotherTry(error: unknown): boolean {
    const { kind, retryAfterMs } = describeAzureFailure(error);
    if (retryAfterMs !== null) this.#notBeforeMs = performance.now() + retryAfterMs;
    return kind === "network" || (kind === "busy" && retryAfterMs === null);
  }

  #explainDenial(message: string): string {
    const { kind } = this.#credentials;
    if (kind !== "sas") return message;
    const problem = describeSasProblem(this.#credentials.sasToken, Date.now());
    return problem === null ? message : `${message}; ${problem}`;
  }

  #toReadError(path: string, error: unknown): ReadError {
    const { kind, message } = describeAzureFailure(error);
    switch (kind) {
      case "missing":
        return new ReadError("missing", path, `is not there (${message})`);
      case "condition":
        return new ReadError("changed", path, `changed while it was read (${message})`);
      case "range":
        return new ReadError("changed", path, `is shorter than expected (${message})`);
      case "aborted":
        return new ReadError("failed", path, `no byte came for ${this.#stallMs} ms`);
      case "denied":
        return new ReadError("failed", path, this.#explainDenial(message));
      default:
        return new ReadError("failed", path, message);
    }
  }
}

/** The credentials with a SAS that has come meanwhile; null: nothing changed, or it cannot be read now. */
function rotate(credentials: AzureCredentials): AzureCredentials | null {
  if (credentials.kind !== "sas" || credentials.reread === null) return null;
  try {
    const sasToken = credentials.reread();
    return sasToken === credentials.sasToken ? null : { ...credentials, sasToken };
  } catch {
    return null;
  }
}

/** Listings give ETags bare, answers in quotes. */
function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

function unless304(error: unknown): null {
  if ((error as { statusCode?: unknown }).statusCode === 304) return null;
  throw error;
}

async function collect(
  path: string,
  answer: BlobDownloadResponseParsed,
  maxBytes: number,
  progress: Progress,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.readableStreamBody ?? []) {
    progress();
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > maxBytes) throw new ReadError("failed", path, `has more than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  assertWhole(size, answer.contentLength);
  return Buffer.concat(chunks, size);
}

/** Where the answer breaks off, what came is returned if it is worth a request of its own. */
async function collectInto(
  path: string,
  answer: BlobDownloadResponseParsed,
  into: Uint8Array,
  progress: Progress,
): Promise<Uint8Array> {
  let size = 0;
  try {
    for await (const chunk of answer.readableStreamBody ?? []) {
      progress();
      const bytes = chunk as Buffer;
      if (size + bytes.byteLength > into.byteLength) {
        throw new ReadError("failed", path, `has more than ${into.byteLength} bytes`);
      }
      into.set(bytes, size);
      size += bytes.byteLength;
    }
    assertWhole(size, into.byteLength);
  } catch (error) {
    if (error instanceof ReadError || size < WORTH_KEEPING_BYTES) throw error;
  }
  return into.subarray(0, size);
}

/** A connection that ends in order in the middle of a body is no error to every library. */
function assertWhole(size: number, contentLength: number | undefined): void {
  if (contentLength === undefined || size === contentLength) return;
  throw Object.assign(new Error("the answer was cut off"), { code: "CUT_OFF" });
}

/** A gateway's page is whole and fine to HTTP; it must not pass for a file of another length. */
function assertRange(path: string, { _response }: BlobDownloadResponseParsed): void {
  if (_response.status === PARTIAL_CONTENT) return;
  const what = `expected a part of it (HTTP ${PARTIAL_CONTENT}), got HTTP ${_response.status} (from a proxy or gateway in between?)`;
  throw new ReadError("failed", path, what);
}

/** "bytes 0-3/100" */
function totalBytes(path: string, answer: BlobDownloadResponseParsed): number {
  const total = Number(answer.contentRange?.split("/")[1] ?? Number.NaN);
  if (Number.isSafeInteger(total)) return total;
  throw new ReadError("failed", path, "the answer does not say how long the file is");
}
