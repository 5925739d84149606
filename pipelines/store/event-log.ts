import { createHash } from "node:crypto";
import type { StoreReader, StoreTransaction } from "./store.ts";
import type { EventTable } from "./tables.ts";

/** What can happen. Each is raised in the transaction that makes it true. */
export const EVENT_TYPES = [
  "project.changed",
  "run.finished",
  "run.failed",
  "feed.held",
  "feed.refused",
  "batch.landed",
  "batch.quarantined",
  "batch.released",
  "contract.changed",
  "contract.refused",
  "dataset.versioned",
  "train.triggered",
  "train.withheld",
  "candidate.arrived",
  "candidate.returned",
  "gate.passed",
  "gate.failed",
  "model.versioned",
  "labels.collected",
  "labels.unreadable",
  "window.closed",
  "monitor.alert",
  "predictions.scored",
  "predictions.skipped",
  "outlet.delivered",
  "outlet.failed",
  "capture.expired",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface NewEvent {
  readonly type: EventType;
  readonly subject: string;
  readonly runId: string | null;
  /** Never a secret, never a row's values. */
  readonly details: Readonly<Record<string, unknown>>;
}

export const GENESIS_HASH = "0".repeat(64);

/** Appends to the chain; its number. Within the transaction that makes the event true. */
export async function appendEvent(
  tx: StoreTransaction,
  event: NewEvent,
  atMs: number,
): Promise<number> {
  const last = await tx
    .selectFrom("events")
    .select(["seq", "hash"])
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  const record = {
    seq: (last?.seq ?? 0) + 1,
    at_ms: atMs,
    type: event.type,
    subject: event.subject,
    run_id: event.runId,
    details_json: JSON.stringify(event.details),
    prev_hash: last?.hash ?? GENESIS_HASH,
  };
  await tx
    .insertInto("events")
    .values({ ...record, hash: hashEvent(record) })
    .execute();
  return record.seq;
}

export function hashEvent(record: Omit<EventTable, "hash">): string {
  const { prev_hash, seq, at_ms, type, subject, run_id, details_json } = record;
  return createHash("sha256")
    .update(JSON.stringify([prev_hash, seq, at_ms, type, subject, run_id, details_json]))
    .digest("hex");
}

const PAGE = 1000;

/** Reads the whole chain. Returns how many events it holds, or what is wrong with which. */
export async function verifyEvents(
  store: StoreReader,
): Promise<{ count: number } | { problem: string }> {
  let hash = GENESIS_HASH;
  let seq = 0;
  for (;;) {
    const page = await store
      .selectFrom("events")
      .selectAll()
      .where("seq", ">", seq)
      .orderBy("seq")
      .limit(PAGE)
      .execute();
    for (const event of page) {
      if (event.seq !== seq + 1) return { problem: `event ${seq + 1} is gone` };
      if (event.prev_hash !== hash)
        return { problem: `event ${event.seq} does not follow event ${seq}` };
      if (hashEvent(event) !== event.hash) return { problem: `event ${event.seq} was changed` };
      hash = event.hash;
      seq = event.seq;
    }
    if (page.length < PAGE) return { count: seq };
  }
}
