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
  const downloads = manifest.files.map((expected) => describeFile(version, partial, expected));
  const arrived: [FileDownload, DownloadedFile][] = [];
  try {
    for (const download of downloads) arrived.push([download, await downloadFile(download)]);
  } catch (error) {
    // Another version of the file is there: what came so far may belong to the one before.
    if (error instanceof ReadError && error.kind === "changed") {
      await cache.dropPartial(manifestSha256);
    }
    throw error;
  }
  await pause("verifying");
  for (const [download, file] of arrived) await verify(download, file);
}

function describeFile(
  { reader, manifest, buffer, pause, signal }: VersionDownload,
  partial: string,
  expected: Manifest["files"][number],
): FileDownload {
  return {
    reader,
    path: filePath(manifest.model, manifest.version, expected.path),
    target: join(partial, expected.path),
    expected,
    buffer,
    signal,
    onRange: () => pause("downloading"),
  };
}

async function verify(download: FileDownload, file: DownloadedFile): Promise<void> {
  const { path, target, expected } = download;
  if (file.sha256 === expected.sha256) return;
  await rm(target, { force: true });
  // The part from before a restart may be at fault (a power cut can tear it): once more, all of it.
  if (file.resumedAt > 0) return verify(download, await downloadFile(download));
  throw new Error(`${path}: expected sha256 ${expected.sha256}, got ${file.sha256}`);
}
