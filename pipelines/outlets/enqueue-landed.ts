import { createHash } from "node:crypto";
import type { Outlet, Project } from "../project/project.ts";
import type { StoreTransaction } from "../store/store.ts";
import type { OutboxTable } from "../store/tables.ts";
import { type LandedBatch, nextSlice } from "./landing-order.ts";
import { readOutletState, writeOutletState } from "./outlet-state.ts";

export type WebhookOutlet = Extract<Outlet, { kind: "webhook" }>;

/** Batches that one transaction puts into an outbox: a new outlet with a long past takes several. */
const BATCHES_AT_ONCE = 20;
const INSERT_ROWS = 200;

/**
 * Call it in the transaction that lands a batch, whether fresh or released from quarantine: puts it
 * into the outbox of the webhooks of its dataset. One that is new starts with the first batch.
 */
export async function enqueueLanded(
  tx: StoreTransaction,
  project: Project,
  batch: { readonly dataset: string },
  nowMs: number,
): Promise<void> {
  for (const [outlet, config] of Object.entries(project.outlets)) {
    if (config.kind !== "webhook" || config.dataset !== batch.dataset) continue;
    await catchUpOutbox(tx, outlet, config, nowMs);
  }
}

/** Puts landed batches into a webhook's outbox that are not there yet. */
export async function catchUpOutbox(
  tx: StoreTransaction,
  outlet: string,
  config: WebhookOutlet,
  nowMs: number,
): Promise<void> {
  const before = await readOutletState(tx, outlet, config.dataset);
  let state = before;
  for (let count = 0; count < BATCHES_AT_ONCE; count += 1) {
    const slice = await nextSlice(tx, config.dataset, state.position);
    if (slice === null) break;
    const { batch } = slice;
    await insertChunks(tx, outlet, batch, config.batchRows, nowMs);
    state = { ...state, position: { seq: batch.seq, row: batch.rows } };
  }
  if (state !== before) await writeOutletState(tx, outlet, state);
}

async function insertChunks(
  tx: StoreTransaction,
  outlet: string,
  batch: LandedBatch,
  chunkRows: number,
  nowMs: number,
): Promise<void> {
  const chunks = chunksOf(outlet, batch, chunkRows, nowMs);
  for (let at = 0; at < chunks.length; at += INSERT_ROWS) {
    await tx
      .insertInto("outbox")
      .values(chunks.slice(at, at + INSERT_ROWS))
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }
}

function chunksOf(
  outlet: string,
  batch: LandedBatch,
  chunkRows: number,
  nowMs: number,
): OutboxTable[] {
  const chunks: OutboxTable[] = [];
  for (let row = 0; row < batch.rows; row += chunkRows) {
    chunks.push({
      id: messageId(outlet, batch.id, row),
      outlet,
      batch_seq: batch.seq,
      batch_id: batch.id,
      first_row: row,
      rows: Math.min(chunkRows, batch.rows - row),
      status: "pending",
      attempts: 0,
      next_at_ms: nowMs,
      last_error: null,
      created_at_ms: nowMs,
      delivered_at_ms: null,
    });
  }
  return chunks;
}

/** The same for the same rows of the same batch, however often they are put in. */
function messageId(outlet: string, batchId: string, firstRow: number): string {
  const digest = createHash("sha256").update(JSON.stringify([outlet, batchId, firstRow]));
  return `msg_${digest.digest("base64url").slice(0, 24)}`;
}
