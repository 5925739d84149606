import type { BlobDownloadResponseParsed } from "@azure/storage-blob";
import {
  type AzureCredentials,
  openContainer,
} from "../../protocols/repository/azure-container.ts";
import { describeAzureFailure } from "../../protocols/repository/azure-failure.ts";
import { parseContainerLocation } from "../../protocols/repository/location.ts";
import { withTimeout } from "../../protocols/repository/with-timeout.ts";
import {
  type Range,
  ReadError,
  type RepositoryReader,
  type Snapshot,
} from "./repository-reader.ts";

/** Of one call, its retries included. */
const CALL_TIMEOUT_MS = 60_000;
const MAX_LISTED = 100;

/** A repository in an Azure Blob container. Connects on first use. */
export class AzureBlobReader implements RepositoryReader {
  readonly description: string;
  readonly #open: () => ReturnType<typeof openContainer>;

  /** @throws LocationError */
  constructor(location: string, credentials: AzureCredentials) {
    const { endpoint, container, prefix } = parseContainerLocation(location);
    this.description = `Azure Blob container ${endpoint}/${container}/${prefix}`;
    let opened: ReturnType<typeof openContainer> | null = null;
    this.#open = () => {
      opened ??= openContainer(location, credentials);
      return opened;
    };
  }

  async readIfChanged(
    path: string,
    etag: string | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Snapshot | null> {
    return this.#call(path, signal, async (abortSignal) => {
      const { client, prefix } = await this.#open();
      const conditions = etag === null ? {} : { ifNoneMatch: etag };
      const blob = client.getBlobClient(prefix + path);
      // 304 comes as an error, or as an answer without a body, depending on the library's version.
      const answer = await blob
        .download(0, undefined, { conditions, abortSignal })
        .catch(unless304);
      if (answer === null || answer._response.status === 304) return null;
      return { bytes: await collect(path, answer, maxBytes), etag: answer.etag ?? "" };
    });
  }

  async readRange(
    path: string,
    offset: number,
    into: Uint8Array,
    etag: string | null,
    signal: AbortSignal,
  ): Promise<Range> {
    return this.#call(path, signal, async (abortSignal) => {
      const { client, prefix } = await this.#open();
      const conditions = etag === null ? {} : { ifMatch: etag };
      const blob = client.getBlobClient(prefix + path);
      const answer = await blob.download(offset, into.byteLength, { conditions, abortSignal });
      const bytes = await collectInto(path, answer, into);
      return { bytes, etag: answer.etag ?? "", totalBytes: totalBytes(answer) };
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

  watch(): () => void {
    return () => undefined;
  }

  async #call<T>(
    path: string,
    signal: AbortSignal,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await withTimeout(signal, CALL_TIMEOUT_MS, call);
    } catch (error) {
      if (error instanceof ReadError) throw error;
      signal.throwIfAborted();
      throw toReadError(path, error);
    }
  }
}

function unless304(error: unknown): null {
  if ((error as { statusCode?: unknown }).statusCode === 304) return null;
  throw error;
}

function toReadError(path: string, error: unknown): ReadError {
  const { kind, message } = describeAzureFailure(error);
  switch (kind) {
    case "missing":
      return new ReadError("missing", path, `is not there (${message})`);
    case "condition":
      return new ReadError("changed", path, `changed while it was read (${message})`);
    case "range":
      return new ReadError("changed", path, `is shorter than expected (${message})`);
    case "aborted":
    case "failed":
      return new ReadError("failed", path, message);
  }
}

async function collect(
  path: string,
  answer: BlobDownloadResponseParsed,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.readableStreamBody ?? []) {
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > maxBytes) throw new ReadError("failed", path, `has more than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
}

async function collectInto(
  path: string,
  answer: BlobDownloadResponseParsed,
  into: Uint8Array,
): Promise<Uint8Array> {
  let size = 0;
  for await (const chunk of answer.readableStreamBody ?? []) {
    const bytes = chunk as Buffer;
    if (size + bytes.byteLength > into.byteLength) {
      throw new ReadError("failed", path, `has more than ${into.byteLength} bytes`);
    }
    into.set(bytes, size);
    size += bytes.byteLength;
  }
  return into.subarray(0, size);
}

/** "bytes 0-3/100", or the length of an answer that is the whole blob. */
function totalBytes(answer: BlobDownloadResponseParsed): number {
  const total = answer.contentRange?.split("/")[1];
  return total === undefined ? (answer.contentLength ?? 0) : Number(total);
}
