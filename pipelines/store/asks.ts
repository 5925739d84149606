import { randomBytes } from "node:crypto";
import type { Store, StoreReader } from "./store.ts";

/**
 * Notes that somebody wants a model trained or a feed pulled; once while it waits. A run of it that
 * waits for its next try waits no longer. Returns the nonce; null: somebody asked before.
 */
export async function ask(store: Store, subject: string, nowMs: number): Promise<string | null> {
  const nonce = randomBytes(6).toString("hex");
  return await store.transaction().execute(async (tx) => {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto("asks")
      .values({ subject, nonce, at_ms: nowMs })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    await tx
      .updateTable("runs")
      .set({ not_before_ms: 0 })
      .where("subject", "=", subject)
      .where("status", "=", "queued")
      .execute();
    return Number(numInsertedOrUpdatedRows ?? 0) === 1 ? nonce : null;
  });
}

/** Takes one's own ask back when it was not taken up yet. What others asked for stays. */
export async function withdraw(store: Store, subject: string, nonce: string): Promise<void> {
  await store
    .deleteFrom("asks")
    .where("subject", "=", subject)
    .where("nonce", "=", nonce)
    .execute();
}

/** Nonces by subject. */
export async function readAsks(store: StoreReader): Promise<ReadonlyMap<string, string>> {
  const rows = await store.selectFrom("asks").select(["subject", "nonce"]).execute();
  return new Map(rows.map(({ subject, nonce }) => [subject, nonce]));
}
