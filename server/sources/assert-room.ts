import { statfs } from "node:fs/promises";
import type { VersionCache } from "./version-cache.ts";

/** Room that must be left after a download, as a factor of its size. */
const DISK_FACTOR = 1.1;

export interface DownloadLimits {
  readonly maxVersionBytes: number;
  /** Bytes free on the disk of a folder. */
  readonly freeBytes: (folder: string) => Promise<number>;
}

/** Limits, and a hand that can make room. */
export interface DownloadRoom extends DownloadLimits {
  /** Deletes what nothing needs where that frees `missingBytes`; nothing otherwise. */
  readonly makeRoom: (missingBytes: number) => Promise<void>;
}

export const DOWNLOAD_LIMITS: DownloadLimits = {
  maxVersionBytes: 16 * 1024 ** 3,
  freeBytes: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

export interface RoomFor {
  /** For messages. */
  readonly what: string;
  /** What the partial folder is opened by. */
  readonly partial: string;
  /** Of all files. */
  readonly bytes: number;
}

/**
 * Rejects when a version is too large, or the disk of the cache is too full for what is left of it and
 * no room can be made.
 */
export async function assertRoom(
  cache: VersionCache,
  { maxVersionBytes, freeBytes, makeRoom }: DownloadRoom,
  { what, partial, bytes }: RoomFor,
): Promise<void> {
  if (bytes > maxVersionBytes) {
    throw new Error(`${what}: its files have ${bytes} bytes, more than ${maxVersionBytes}`);
  }
  const folder = await cache.openPartial(partial);
  const left = Math.max(0, bytes - (await cache.partialBytes(partial)));
  const needed = Math.ceil(left * DISK_FACTOR);
  let free = await freeBytes(folder);
  if (needed > free) {
    await makeRoom(needed - free);
    free = await freeBytes(folder);
  }
  if (needed > free) {
    throw new Error(`${what}: needs ${needed} bytes of disk in the cache, ${free} are free`);
  }
}
