import { randomBytes } from "node:crypto";
import type { Store, StoreReader } from "./store.ts";

/** Notes that somebody wants a model trained or a feed pulled; once while it waits. */
export async function ask(store: Store, subject: string, nowMs: number): Promise<void> {
  await store
    .insertInto("asks")
    .values({ subject, nonce: randomBytes(6).toString("hex"), at_ms: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Takes back what was not taken up yet. */
export async function withdraw(store: Store, subject: string): Promise<void> {
  await store.deleteFrom("asks").where("subject", "=", subject).execute();
}

/** Nonces by subject. */
export async function readAsks(store: StoreReader): Promise<ReadonlyMap<string, string>> {
  const rows = await store.selectFrom("asks").select(["subject", "nonce"]).execute();
  return new Map(rows.map(({ subject, nonce }) => [subject, nonce]));
}
