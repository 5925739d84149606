import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** A complete version in the cache. */
export interface CachedVersion {
  readonly manifestSha256: string;
  readonly bytes: number;
  /** When it was last found or brought, epoch milliseconds. */
  readonly usedMs: number;
}

/**
 * What to delete so that the cache holds at most `maxBytes`: the longest unused first, never what is
 * kept. Pure.
 */
export function chooseSurplus(
  cached: readonly CachedVersion[],
  kept: ReadonlySet<string>,
  maxBytes: number,
): readonly CachedVersion[] {
  let total = sumBytes(cached);
  const surplus: CachedVersion[] = [];
  for (const version of [...cached].sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= maxBytes) break;
    if (kept.has(version.manifestSha256)) continue;
    surplus.push(version);
    total -= version.bytes;
  }
  return surplus;
}

const VERSIONS = "versions";
const PARTIAL = ".tmp-";

/** Every complete version; one that cannot be looked at just now is left out. */
export async function listCached(root: string): Promise<readonly CachedVersion[]> {
  const names = await readdir(join(root, VERSIONS)).catch(() => []);
  const cached: CachedVersion[] = [];
  for (const manifestSha256 of names) {
    const folder = join(root, VERSIONS, manifestSha256);
    const found = await measure(folder).catch(() => null);
    if (found !== null) cached.push({ manifestSha256, ...found });
  }
  return cached;
}

async function measure(folder: string): Promise<{ bytes: number; usedMs: number }> {
  const { mtimeMs } = await stat(folder);
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return { bytes, usedMs: mtimeMs };
}

/**
 * Brings the cache to at most `maxBytes` where what is kept allows it.
 * @returns what was deleted
 */
export async function trimCache(
  root: string,
  kept: ReadonlySet<string>,
  maxBytes: number,
): Promise<readonly CachedVersion[]> {
  return deleteCached(root, chooseSurplus(await listCached(root), kept, maxBytes));
}

/**
 * Frees `missingBytes` of disk where what is kept allows it; deletes nothing where it does not.
 * @returns what was deleted
 */
export async function freeCache(
  root: string,
  kept: ReadonlySet<string>,
  missingBytes: number,
): Promise<readonly CachedVersion[]> {
  const cached = await listCached(root);
  const surplus = chooseSurplus(cached, kept, sumBytes(cached) - missingBytes);
  return sumBytes(surplus) < missingBytes ? [] : deleteCached(root, surplus);
}

function sumBytes(versions: readonly CachedVersion[]): number {
  return versions.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A folder is renamed before it is deleted: what has its name is whole at every moment. */
async function deleteCached(
  root: string,
  surplus: readonly CachedVersion[],
): Promise<readonly CachedVersion[]> {
  for (const { manifestSha256 } of surplus) {
    const doomed = join(root, `${PARTIAL}deleted-${manifestSha256}`);
    await rename(join(root, VERSIONS, manifestSha256), doomed);
    await rm(doomed, { recursive: true, force: true });
  }
  return surplus;
}

/**
 * Deletes what broken downloads left, but for those that may still be resumed.
 * @param resumable keys of versions that the repository still has
 * @returns how many were deleted
 */
export async function sweepPartials(root: string, resumable: ReadonlySet<string>): Promise<number> {
  const names = await readdir(root).catch(() => []);
  const stale = names.filter(
    (name) => name.startsWith(PARTIAL) && !resumable.has(name.slice(PARTIAL.length)),
  );
  for (const name of stale) await rm(join(root, name), { recursive: true, force: true });
  return stale.length;
}
