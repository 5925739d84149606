import type { Store, StoreReader } from "../store/store.ts";

/** A message that was given up. */
export interface DeadLetter {
  readonly id: string;
  readonly batch: string;
  readonly firstRow: number;
  readonly rows: number;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly createdAt: string;
}

/** Oldest first. */
export async function listDead(
  store: StoreReader,
  outlet: string,
  limit: number,
): Promise<readonly DeadLetter[]> {
  const rows = await store
    .selectFrom("outbox")
    .selectAll()
    .where("outlet", "=", outlet)
    .where("status", "=", "dead")
    .orderBy("batch_seq")
    .orderBy("first_row")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    batch: row.batch_id,
    firstRow: row.first_row,
    rows: row.rows,
    attempts: row.attempts,
    lastError: row.last_error,
    createdAt: new Date(row.created_at_ms).toISOString(),
  }));
}

/** Lets it be tried again, from its first attempt. @returns false: there is no such dead message */
export async function retryDead(
  store: Store,
  outlet: string,
  id: string,
  nowMs: number,
): Promise<boolean> {
  const changed = await store
    .updateTable("outbox")
    .set({ status: "pending", attempts: 0, next_at_ms: nowMs })
    .where("id", "=", id)
    .where("outlet", "=", outlet)
    .where("status", "=", "dead")
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}
