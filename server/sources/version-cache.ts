import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { parseManifest, sha256Hex } from "../../protocols/repository/documents.ts";
import { MANIFEST_FILE } from "../../protocols/repository/layout.ts";
import { isGone } from "../lib/is-gone.ts";
import type { LocalVersion } from "../models/source.ts";
import { PIECE_BYTES } from "./repository-reader.ts";

/**
 * Verified versions on this disk, by the hash of their manifest. A folder under versions/ is
 * complete and never changed: it is filled under another name and renamed.
 */
export class VersionCache {
  readonly #root: string;
  /** Found whole, hashes and all, by this process. */
  readonly #hashed = new Set<string>();

  constructor(home: string) {
    this.#root = join(home, "cache");
  }

  get root(): string {
    return this.#root;
  }

  /**
   * The folder being filled for a version, by the hash of its manifest (or the fingerprint, where it
   * has none yet); made when it is not there.
   */
  async openPartial(key: string): Promise<string> {
    const partial = this.#partial(key);
    await mkdir(join(this.#root, "versions"), { recursive: true, mode: 0o700 });
    await mkdir(partial, { recursive: true, mode: 0o700 });
    return partial;
  }

  /** Bytes that an interrupted download left; 0 when there is none. */
  async partialBytes(key: string): Promise<number> {
    const partial = this.#partial(key);
    const names = await readdir(partial).catch(() => []);
    let total = 0;
    for (const name of names) total += (await stat(join(partial, name))).size;
    return total;
  }

  async dropPartial(key: string): Promise<void> {
    await rm(this.#partial(key), { recursive: true, force: true });
  }

  /**
   * The version, or null. Its files are hashed the first time that this process finds it: a disk may
   * have rotted since they were verified, and what is loaded should be what was vetted. After that
   * their sizes are looked at only. A folder that is not whole is deleted. Rejects when the disk cannot be read just now (too many open files, say): that is no reason to delete.
   */
  async find(manifestSha256: string): Promise<LocalVersion | null> {
    const directory = this.#complete(manifestSha256);
    const manifestBytes = await readIfThere(join(directory, MANIFEST_FILE));
    if (manifestBytes !== null && (await this.#isWhole(directory, manifestBytes, manifestSha256))) {
      await markUsed(directory);
      return { directory, manifestSha256, hints: null };
    }
    await rm(directory, { recursive: true, force: true });
    return null;
  }

  /**
   * Makes the filled folder a version. REQUIRES: its files are verified and on the disk.
   * @param partialKey what the folder was opened by
   */
  async commit(
    partialKey: string,
    manifestSha256: string,
    manifestBytes: Uint8Array,
  ): Promise<LocalVersion> {
    const partial = this.#partial(partialKey);
    const directory = this.#complete(manifestSha256);
    const manifest = await open(join(partial, MANIFEST_FILE), "w", 0o600);
    try {
      await manifest.writeFile(manifestBytes);
      await manifest.sync();
    } finally {
      await manifest.close();
    }
    await syncDirectory(partial);
    await rename(partial, directory);
    await syncDirectory(join(this.#root, "versions"));
    this.#hashed.add(manifestSha256);
    return { directory, manifestSha256, hints: null };
  }

  async #isWhole(directory: string, manifestBytes: Uint8Array, sha256: string) {
    const isHashed = this.#hashed.has(sha256);
    if (!(await isWhole(directory, manifestBytes, sha256, !isHashed))) return false;
    this.#hashed.add(sha256);
    return true;
  }

  #partial(key: string): string {
    return join(this.#root, `.tmp-${key}`);
  }

  #complete(manifestSha256: string): string {
    return join(this.#root, "versions", manifestSha256);
  }
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

async function isWhole(
  directory: string,
  manifestBytes: Uint8Array,
  sha256: string,
  withHashes: boolean,
): Promise<boolean> {
  if (sha256Hex(manifestBytes) !== sha256) return false;
  const { files } = parseManifest(MANIFEST_FILE, manifestBytes);
  for (const file of files) {
    const found = await stat(join(directory, file.path)).catch((error: unknown) => {
      if (isGone(error)) return null;
      throw error;
    });
    if (found === null || !found.isFile() || found.size !== file.bytes) return false;
    // Under another name it could be changed, now or while it is loaded.
    if (found.nlink !== 1) return false;
    if (withHashes && (await hashFile(join(directory, file.path))) !== file.sha256) return false;
  }
  return true;
}

/** In pieces, so that serving threads on the same core wait for one of them only. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    hash.update(piece as Buffer);
  }
  return hash.digest("hex");
}

/** The folder's own time says when it was last used; where it cannot be set it counts as older. */
async function markUsed(directory: string): Promise<void> {
  const now = new Date();
  await utimes(directory, now, now).catch(() => undefined);
}

/** Makes names in a folder outlive a power cut; a file's own sync does not. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
