import { rm } from "node:fs/promises";
import { join } from "node:path";
import { filePath } from "../../protocols/repository/layout.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import { type DownloadedFile, downloadFile, type FileDownload } from "./download-file.ts";
import { ReadError, type RepositoryReader } from "./repository-reader.ts";
import type { VersionCache } from "./version-cache.ts";

export interface VersionDownload {
  readonly reader: RepositoryReader;
  readonly cache: VersionCache;
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  /** RANGE_BYTES long, and nobody else's until the download has ended. */
  readonly buffer: Uint8Array;
  readonly pause: (point: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Fills the partial folder of a version with verified files. Rejects naming the file; a file that
 * turned out wrong is deleted, one that was cut off stays to be resumed.
 */
export async function downloadVersion(version: VersionDownload): Promise<void> {
  const { cache, manifestSha256, manifest, pause } = version;
  const partial = await cache.openPartial(manifestSha256);
  const arrived: Arrived[] = [];
  try {
    for (const { path, bytes, sha256 } of manifest.files) {
      const download = describeFile(version, partial, path, bytes);
      arrived.push({ download, sha256, file: await downloadFile(download) });
    }
  } catch (error) {
    // Another version of the file is there: what came so far may belong to the one before.
    if (error instanceof ReadError && error.kind === "changed") {
      await cache.dropPartial(manifestSha256);
    }
    throw error;
  }
  await pause("verifying");
  for (const each of arrived) await verify(each);
}

interface Arrived {
  readonly download: FileDownload;
  /** That the manifest names. */
  readonly sha256: string;
  readonly file: DownloadedFile;
}

function describeFile(
  { reader, manifest, buffer, pause, signal }: VersionDownload,
  partial: string,
  file: string,
  bytes: number,
): FileDownload {
  return {
    reader,
    path: filePath(manifest.model, manifest.version, file),
    target: join(partial, file),
    bytes,
    etag: null,
    buffer,
    signal,
    onRange: () => pause("downloading"),
  };
}

async function verify({ download, sha256, file }: Arrived): Promise<void> {
  const { path, target } = download;
  if (file.sha256 === sha256) return;
  await rm(target, { force: true });
  // The part from before a restart may be at fault (a power cut can tear it): once more, all of it.
  if (file.resumedAt > 0) {
    return verify({ download, sha256, file: await downloadFile(download) });
  }
  throw new Error(`${path}: expected sha256 ${sha256}, got ${file.sha256}`);
}
