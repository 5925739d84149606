import { createHmac } from "node:crypto";
import type { SeenRow } from "./feed-memory.ts";

/**
 * Names a row without telling what is in it: HMAC-SHA256 with the project's key (without one it is
 * only a hash), the first 128 bits.
 */
export function rowDigest(hashKey: string | null, cells: readonly (string | null)[]): string {
  const mac = createHmac("sha256", hashKey ?? "")
    .update(JSON.stringify(cells))
    .digest();
  return mac.subarray(0, 16).toString("base64url");
}

/**
 * Says of each row read whether it is new. Rows are counted, not only known: of two equal rows, of
 * which one was taken, the second is new.
 */
export function newRowFilter(seen: readonly SeenRow[]): (digest: string) => boolean {
  const left = new Map<string, number>();
  for (const row of seen) left.set(row.digest, (left.get(row.digest) ?? 0) + row.count);
  return (digest) => {
    const count = left.get(digest) ?? 0;
    if (count === 0) return true;
    left.set(digest, count - 1);
    return false;
  };
}

/** What the next pull must know: rows below `floor` will not be read again. */
export function rememberRows(
  seen: readonly SeenRow[],
  taken: readonly Omit<SeenRow, "count">[],
  floor: bigint | null,
): SeenRow[] {
  const kept = new Map<string, SeenRow>();
  const add = ({ at, digest, count }: SeenRow) => {
    if (floor !== null && at !== null && at < floor) return;
    kept.set(digest, { at, digest, count: (kept.get(digest)?.count ?? 0) + count });
  };
  for (const row of seen) add(row);
  for (const row of taken) add({ ...row, count: 1 });
  return [...kept.values()];
}
