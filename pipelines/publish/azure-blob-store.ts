import {
  type AzureCredentials,
  openContainer,
} from "../../protocols/repository/azure-container.ts";
import { describeAzureFailure } from "../../protocols/repository/azure-failure.ts";
import { parseContainerLocation } from "../../protocols/repository/location.ts";
import { withTimeout } from "../../protocols/repository/with-timeout.ts";
import { type RepositoryStore, type Stored, StoreError } from "./repository-store.ts";

/** Of one call with its retries; a large body gets more, at the slowest uplink worth waiting for. */
const CALL_TIMEOUT_MS = 60_000;
const MIN_BYTES_PER_MS = 250;

const MAX_LISTED = 1000;

/** Larger bodies go up in blocks of which only the last step, the commit, makes them visible. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** A model repository in an Azure Blob container, which must be there. Connects on first use. */
export class AzureBlobStore implements RepositoryStore {
  readonly description: string;
  readonly #open: () => ReturnType<typeof openContainer>;

  /** @throws LocationError */
  constructor(location: string, credentials: AzureCredentials) {
    const { endpoint, container, prefix } = parseContainerLocation(location);
    this.description = `${endpoint}/${container}/${prefix}`;
    let opened: ReturnType<typeof openContainer> | null = null;
    this.#open = () => {
      opened ??= openContainer(location, credentials);
      return opened;
    };
  }

  async read(path: string, maxBytes: number): Promise<Stored | null> {
    const { client, prefix } = await this.#open();
    const blob = client.getBlobClient(prefix + path);
    try {
      return await withTimeout(
        new AbortController().signal,
        CALL_TIMEOUT_MS,
        async (abortSignal) => {
          const answer = await blob.download(0, undefined, { abortSignal });
          const size = answer.contentLength ?? 0;
          if (size > maxBytes)
            throw new StoreError(path, `has ${size} bytes, more than ${maxBytes}`);
          const chunks: Uint8Array[] = [];
          for await (const chunk of answer.readableStreamBody ?? []) chunks.push(chunk as Buffer);
          return { bytes: Buffer.concat(chunks), etag: answer.etag ?? "" };
        },
      );
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const { kind, message } = describeAzureFailure(error);
      if (kind === "missing") return null;
      throw new StoreError(path, message);
    }
  }

  async stamp(path: string): Promise<string | null> {
    const { client, prefix } = await this.#open();
    try {
      const { etag } = await withTimeout(
        new AbortController().signal,
        CALL_TIMEOUT_MS,
        (abortSignal) => client.getBlobClient(prefix + path).getProperties({ abortSignal }),
      );
      return etag ?? "";
    } catch (error) {
      const { kind, message } = describeAzureFailure(error);
      if (kind === "missing") return null;
      throw new StoreError(path, message);
    }
  }

  create(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#upload(path, bytes, { ifNoneMatch: "*" });
  }

  replace(path: string, bytes: Uint8Array, etag: string | null): Promise<boolean> {
    return this.#upload(path, bytes, etag === null ? { ifNoneMatch: "*" } : { ifMatch: etag });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const container = await this.#open();
    const paths: string[] = [];
    try {
      await withTimeout(new AbortController().signal, CALL_TIMEOUT_MS, async (abortSignal) => {
        const options = { prefix: container.prefix + prefix, abortSignal };
        for await (const blob of container.client.listBlobsFlat(options)) {
          paths.push(blob.name.slice(container.prefix.length));
          if (paths.length >= MAX_LISTED) break;
        }
      });
    } catch (error) {
      throw new StoreError(prefix, describeAzureFailure(error).message);
    }
    return paths.sort();
  }

  async remove(path: string): Promise<void> {
    const { client, prefix } = await this.#open();
    try {
      await withTimeout(new AbortController().signal, CALL_TIMEOUT_MS, (abortSignal) =>
        client.getBlobClient(prefix + path).deleteIfExists({ abortSignal }),
      );
    } catch (error) {
      throw new StoreError(path, describeAzureFailure(error).message);
    }
  }

  async #upload(
    path: string,
    bytes: Uint8Array,
    conditions: { ifNoneMatch: string } | { ifMatch: string },
  ): Promise<boolean> {
    const { client, prefix } = await this.#open();
    const blob = client.getBlockBlobClient(prefix + path);
    const timeoutMs = CALL_TIMEOUT_MS + bytes.byteLength / MIN_BYTES_PER_MS;
    try {
      await withTimeout(new AbortController().signal, timeoutMs, (abortSignal) =>
        blob.uploadData(bytes, {
          conditions,
          abortSignal,
          blockSize: BLOCK_BYTES,
          maxSingleShotSize: BLOCK_BYTES,
          concurrency: 4,
        }),
      );
      return true;
    } catch (error) {
      const { kind, message } = describeAzureFailure(error);
      if (kind === "condition") return false;
      const hint = kind === "missing" ? "; is the container there?" : "";
      throw new StoreError(path, `${message}${hint}`);
    }
  }
}
