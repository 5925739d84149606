import { join, resolve } from "node:path";
import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { isContainerLocation } from "../../protocols/repository/location.ts";
import { AzureBlobReader } from "./azure-blob-reader.ts";
import { CacheMeter } from "./cache-meter.ts";
import { listCached } from "./cache-trim.ts";
import { DirectoryReader } from "./directory-reader.ts";
import type { SourceLog } from "./repository-reader.ts";
import { RepositorySource } from "./repository-source.ts";
import { WatchedSource } from "./watched-source.ts";

const CACHE_READING_MAX_AGE_MS = 60_000;

export interface SourceOptions {
  /** Folder for everything that outlives the process. */
  readonly home: string;
  readonly azure: AzureCredentials;
  /** The cache of versions is kept below it where what is held allows it; 0: no limit. */
  readonly maxCacheBytes: number;
  /** Hashes of the manifests of versions that are loaded or wanted: they never leave the cache. */
  readonly held: () => readonly string[];
  /** Awaited at "downloading" (after each range) and "verifying": for tests that kill the process. */
  readonly pause: (point: string) => Promise<void>;
  readonly log: SourceLog;
}

/**
 * The source of a model repository: a folder, or a container of Azure Blob Storage by its URL.
 * @throws LocationError for a URL that names no container
 */
export function createSource(location: string, options: SourceOptions): WatchedSource {
  const { home, azure, ...rest } = options;
  const isContainer = isContainerLocation(location);
  const place = isContainer ? location : resolve(location);
  const reader = isContainer ? new AzureBlobReader(place, azure) : new DirectoryReader(place);
  const source = new RepositorySource({ reader, home, location: place, ...rest });
  const cache = new CacheMeter(
    () => listCached(join(home, "cache")),
    () => performance.now(),
    CACHE_READING_MAX_AGE_MS,
  );
  return new WatchedSource(source, cache, Date.now);
}
