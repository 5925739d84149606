import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Insertable } from "kysely";
import { appendEvent, type EventType } from "../../store/event-log.ts";
import { openStore, type Store, storePath } from "../../store/store.ts";
import type { BatchTable, RunTable, Tables } from "../../store/tables.ts";

/** A store in a folder of its own, filled by hand. */
export interface FixtureStore {
  readonly home: string;
  readonly store: Store;
  run(
    row: Pick<RunTable, "id" | "kind" | "subject"> & Partial<RunTable>,
    edges?: { readonly in?: readonly string[]; readonly out?: readonly string[] },
  ): Promise<void>;
  batch(row: Pick<BatchTable, "id" | "dataset" | "run_id"> & Partial<BatchRow>): Promise<void>;
  insert<T extends keyof Tables & string>(table: T, row: Insertable<Tables[T]>): Promise<void>;
  event(
    type: EventType,
    subject: string,
    runId?: string | null,
    details?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  close(): Promise<void>;
}

type BatchRow = Omit<BatchTable, "seq">;

export const FIXTURE_START_MS = Date.UTC(2026, 0, 1);

/** Each row is a second after the one before. */
export async function openFixtureStore(): Promise<FixtureStore> {
  const home = mkdtempSync(join(tmpdir(), "sluice-tracking-"));
  const store = await openStore(storePath(home));
  let nowMs = FIXTURE_START_MS;
  const tick = (): number => {
    nowMs += 1000;
    return nowMs;
  };
  return {
    home,
    store,
    async run(row, edges = {}) {
      const atMs = tick();
      await store
        .insertInto("runs")
        .values({ ...finishedRun(row.id, atMs), ...row })
        .execute();
      for (const direction of ["in", "out"] as const) {
        for (const subject of edges[direction] ?? []) {
          await store.insertInto("edges").values({ run_id: row.id, direction, subject }).execute();
        }
      }
    },
    async batch(row) {
      await store
        .insertInto("batches")
        .values({ ...landedBatch(home, row.id, tick()), ...row })
        .execute();
    },
    async insert(table, row) {
      await store
        .insertInto(table)
        .values(row as never)
        .execute();
    },
    async event(type, subject, runId = null, details = {}) {
      const event = { type, subject, runId, details };
      const atMs = tick();
      await store.transaction().execute((tx) => appendEvent(tx, event, atMs));
    },
    async close() {
      await store.destroy();
      rmSync(home, { recursive: true });
    },
  };
}

function finishedRun(id: string, atMs: number): Omit<RunTable, "id" | "kind" | "subject"> {
  return {
    key: `key of ${id}`,
    status: "finished",
    reason: `because ${id}`,
    spec_json: "{}",
    result_json: null,
    error: null,
    attempts: 1,
    lost_attempts: 0,
    transient_attempts: 0,
    interrupted_attempts: 0,
    folder: null,
    not_before_ms: 0,
    created_at_ms: atMs,
    started_at_ms: atMs,
    ended_at_ms: atMs + 500,
    claimed_by: null,
    git_commit: "c0ffee",
    git_dirty: 0,
    lockfile_sha256: "10c",
    config_sha256: "c0f",
    params_json: "{}",
  };
}

function landedBatch(
  home: string,
  id: string,
  atMs: number,
): Omit<BatchRow, "id" | "dataset" | "run_id"> {
  return {
    origin: "orders-db",
    status: "landed",
    path: join(home, `${id}.parquet`),
    sha256: "5a",
    bytes: 1000,
    rows: 100,
    schema_json: "[]",
    treatments_json: '{"email":"drop","customer":"hash","amount":"keep"}',
    profile_path: null,
    problems_json: null,
    checked_contract: 1,
    checked_rules: null,
    is_partial: 0,
    created_at_ms: atMs,
  };
}
