import type pg from "pg";
import type { ColumnSchema } from "../datasets/column.ts";
import type { Outlet, Project } from "../project/project.ts";
import { readSecretRef } from "../project/read-secret.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { BatchRows } from "./batch-rows.ts";
import { isKnown, nextSlice } from "./landing-order.ts";
import { firstLine, noteProblem } from "./note-problem.ts";
import { changeOutletState, readOutletState } from "./outlet-state.ts";
import {
  appendRows,
  arrangeView,
  connectView,
  describePgError,
  inTransaction,
  openPosition,
  type ViewPosition,
  type ViewTarget,
} from "./view-database.ts";
import { toPgColumns, viewNames } from "./view-relation.ts";

export type ViewOutlet = Extract<Outlet, { kind: "view" }>;

export interface SyncOptions {
  readonly store: Store;
  readonly project: Project;
  readonly rows: BatchRows;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectFolder: string;
  readonly nowMs: number;
  /** Looked at between two transactions. */
  readonly signal: AbortSignal;
}

/** What a call did for one view. */
export interface Synced {
  readonly outlet: string;
  readonly rows: number;
  readonly batches: number;
  /** What stopped it, one line. It is tried again after a back-off; null while it waits for that. */
  readonly problem: string | null;
}

const CHUNK_ROWS = 2000;
/** Of one call and outlet. */
const CHUNKS_AT_ONCE = 200;

/**
 * Brings every view outlet that is due up to the landed batches, independent of each other. Rows and
 * position are one transaction in PostgreSQL: each row is there exactly once whatever dies when.
 */
export function syncViews(options: SyncOptions): Promise<readonly Synced[]> {
  const views = Object.entries(options.project.outlets).flatMap(([name, config]) =>
    config.kind === "view" ? [{ name, config }] : [],
  );
  return Promise.all(views.map(({ name, config }) => syncView(options, name, config)));
}

async function syncView(options: SyncOptions, name: string, config: ViewOutlet): Promise<Synced> {
  const tally = { rows: 0, batches: 0 };
  const { store, nowMs } = options;
  const state = await readOutletState(store, name, config.dataset);
  if (state.nextAtMs > nowMs) return { outlet: name, ...tally, problem: null };
  try {
    await load(options, name, config, tally);
    if (state.failures > 0) await noteProblem(store, name, config.dataset, null, nowMs);
    return { outlet: name, ...tally, problem: null };
  } catch (error) {
    const problem = firstLine(describePgError(error));
    await noteProblem(store, name, config.dataset, problem, nowMs);
    return { outlet: name, ...tally, problem };
  }
}

interface Loading {
  readonly options: SyncOptions;
  readonly target: ViewTarget;
  readonly client: pg.Client;
  readonly tally: { rows: number; batches: number };
}

async function load(
  options: SyncOptions,
  name: string,
  config: ViewOutlet,
  tally: Loading["tally"],
): Promise<void> {
  const { schema, role, dataset } = config;
  const arranged = JSON.stringify([schema, role]);
  const state = await readOutletState(options.store, name, dataset);
  const next = await nextSlice(options.store, dataset, state.position);
  if (next === null && (state.arranged === arranged || state.position.seq === 0)) return;
  const names = viewNames(schema, dataset);
  const target: ViewTarget = { outlet: name, dataset, schema, role, names };
  const client = await connectView(readSecretRef(config.url, options.env, options.projectFolder));
  try {
    const loading = { options, target, client, tally };
    await takeUp(loading);
    let isLeft = true;
    for (let count = 0; isLeft && count < CHUNKS_AT_ONCE && !options.signal.aborted; count += 1) {
      isLeft = await loadChunk(loading);
    }
    if (isLeft || state.arranged === arranged) return;
    await rearrange(loading);
    await changeOutletState(options.store, name, dataset, async (before) => ({
      ...before,
      arranged,
    }));
  } finally {
    await client.end().catch(() => null);
  }
}

/** The position of PostgreSQL is the true one: ours may be behind by what a crash left unsaid. */
async function takeUp({ options, target, client }: Loading): Promise<void> {
  const position = await inTransaction(client, () => openPosition(client, target));
  await assertOurs(options.store, target, position);
  await mirror(options, target, position);
}

async function assertOurs(store: Store, target: ViewTarget, position: ViewPosition): Promise<void> {
  const batch = await store
    .selectFrom("batches")
    .select("id")
    .where("seq", "=", position.seq)
    .executeTakeFirst();
  const isSame = position.batchId === (batch?.id ?? null);
  if (isSame && (await isKnown(store, target.dataset, position))) return;
  throw new Error(
    `the view of '${target.dataset}' in schema '${target.schema}' was filled from another store; drop the schema to have it made again, or give another schema`,
  );
}

/** Grants for a role that is new, also where there was no row to load. */
async function rearrange({ options, target, client }: Loading): Promise<void> {
  const newest = await newestSchema(options.store, target.dataset);
  const columns = toPgColumns(JSON.parse(newest) as readonly ColumnSchema[]);
  await inTransaction(client, async () => {
    await openPosition(client, target);
    await arrangeView(client, target, columns);
  });
}

async function newestSchema(store: Store, dataset: string): Promise<string> {
  const row = await store
    .selectFrom("batches")
    .select("schema_json")
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
  return row.schema_json;
}

/** @returns false when nothing was left to load */
async function loadChunk({ options, target, client, tally }: Loading): Promise<boolean> {
  const { store } = options;
  const before = await inTransaction(client, () => openPosition(client, target));
  const slice = await nextSlice(store, target.dataset, before);
  if (slice === null) return false;
  const { batch, firstRow } = slice;
  const rows = await options.rows.read(batch, firstRow, CHUNK_ROWS);
  if (rows.length === 0) throw new Error(`batch ${batch.id} has fewer rows than it landed with`);
  const columns = toPgColumns(JSON.parse(batch.schema_json) as readonly ColumnSchema[]);
  const next = {
    seq: batch.seq,
    row: firstRow + rows.length,
    batchId: batch.id,
    loaded: before.loaded + rows.length,
  };
  await inTransaction(client, async () => {
    const current = await openPosition(client, target);
    if (current.loaded !== before.loaded) throw new Error("somebody else fills this view too");
    if (firstRow === 0) await arrangeView(client, target, columns);
    await appendRows(client, target, columns, rows, next);
  });
  tally.rows += rows.length;
  if (next.row === batch.rows) {
    tally.batches += 1;
    await mirror(options, target, next);
  }
  return true;
}

/** Takes PostgreSQL's position into our store; tells once of a batch that is whole. */
async function mirror(
  { store, nowMs }: SyncOptions,
  { outlet, dataset }: ViewTarget,
  { seq, row, batchId }: ViewPosition,
): Promise<void> {
  await changeOutletState(store, outlet, dataset, async (state, tx) => {
    if (state.position.seq === seq && state.position.row === row) return state;
    const batch = await tx
      .selectFrom("batches")
      .select("rows")
      .where("id", "=", batchId ?? "")
      .executeTakeFirst();
    if (batch?.rows === row) {
      const event = { type: "outlet.delivered", subject: subjectOf.outlet(outlet) } as const;
      await appendEvent(tx, { ...event, runId: null, details: { batch: batchId } }, nowMs);
    }
    return { ...state, position: { seq, row } };
  });
}
