import { createHash } from "node:crypto";
import type { Outlet, Project } from "../project/project.ts";
import type { StoreReader, StoreTransaction } from "../store/store.ts";
import type { OutboxTable } from "../store/tables.ts";
import { addLatecomer, type LandedBatch, nextSlice, type Place } from "./landing-order.ts";
import {
  newOutletState,
  type OutletState,
  readOutletState,
  writeOutletState,
} from "./outlet-state.ts";

export type WebhookOutlet = Extract<Outlet, { kind: "webhook" }>;

/** Batches that one transaction puts into an outbox: a new outlet with a long past takes several. */
const BATCHES_AT_ONCE = 20;
const INSERT_ROWS = 200;

/**
 * Call it in the transaction that lands a batch, whether fresh or released from quarantine. Notes
 * the batch's place for every outlet of the dataset, and puts it into the outbox of webhooks. An
 * outlet that is new starts with the first batch of its dataset.
 */
export async function enqueueLanded(
  tx: StoreTransaction,
  project: Project,
  batch: Readonly<{ seq: number; id: string; dataset: string; rows: number }>,
  nowMs: number,
): Promise<void> {
  const highest = await highestOther(tx, batch);
  for (const [outlet, before] of await statesOf(tx, project, batch.dataset)) {
    const latecomers = addLatecomer(before.latecomers, batch.seq, highest);
    const config = project.outlets[outlet];
    const state = latecomers === before.latecomers ? before : { ...before, latecomers };
    const after =
      config?.kind === "webhook" && config.dataset === batch.dataset
        ? await enqueueNext(tx, outlet, config, state, nowMs)
        : state;
    if (after !== before) await writeOutletState(tx, outlet, after);
  }
}

/** Puts landed batches into a webhook's outbox that are not there yet. @returns false: nothing was left to do */
export async function catchUpOutbox(
  tx: StoreTransaction,
  outlet: string,
  config: WebhookOutlet,
  nowMs: number,
): Promise<boolean> {
  const before = await readOutletState(tx, outlet, config.dataset);
  const after = await enqueueNext(tx, outlet, config, before, nowMs);
  if (after === before) return false;
  await writeOutletState(tx, outlet, after);
  return true;
}

/** Outlets of the project, and those that it named once: their readers' cursors live on. */
async function statesOf(
  tx: StoreTransaction,
  project: Project,
  dataset: string,
): Promise<ReadonlyMap<string, OutletState>> {
  const states = new Map<string, OutletState>();
  for (const { name, state_json } of await tx.selectFrom("outlets").selectAll().execute()) {
    const state = JSON.parse(state_json) as OutletState;
    if (state.dataset === dataset) states.set(name, state);
  }
  for (const [name, outlet] of Object.entries(project.outlets)) {
    if (outlet.dataset !== dataset || states.has(name)) continue;
    states.set(name, newOutletState(dataset));
  }
  return states;
}

async function highestOther(
  tx: StoreReader,
  batch: { readonly id: string; readonly dataset: string },
): Promise<number> {
  const row = await tx
    .selectFrom("batches")
    .select((each) => each.fn.max("seq").as("seq"))
    .where("dataset", "=", batch.dataset)
    .where("status", "=", "landed")
    .where("id", "<>", batch.id)
    .executeTakeFirst();
  return row?.seq ?? 0;
}

async function enqueueNext(
  tx: StoreTransaction,
  outlet: string,
  config: WebhookOutlet,
  before: OutletState,
  nowMs: number,
): Promise<OutletState> {
  let state = before;
  for (let count = 0; count < BATCHES_AT_ONCE; count += 1) {
    const slice = await nextSlice(tx, state.dataset, state.latecomers, state.position);
    if (slice === null) break;
    await insertChunks(tx, outlet, slice.batch, config.batchRows, nowMs);
    state = { ...state, position: endOf(slice.place, slice.batch) };
  }
  return state;
}

function endOf({ anchor, late }: Place, batch: LandedBatch) {
  return { anchor, late, row: batch.rows };
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
