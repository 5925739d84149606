import type { StoreReader } from "../store/store.ts";
import type { RunStatus } from "../store/tables.ts";
import { findRun } from "./find-run.ts";

/** A run with all that is recorded of it. Times are epoch milliseconds. */
export interface ShownRun {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly status: RunStatus;
  readonly reason: string;
  readonly error: string | null;
  readonly attempts: number;
  readonly folder: string | null;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly params: Readonly<Record<string, string>>;
  /** The last step of each. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Subjects. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly code: {
    readonly gitCommit: string | null;
    readonly gitDirty: boolean | null;
    readonly lockfileSha256: string | null;
    readonly configSha256: string;
  };
}

/** @throws TrackingError when no run, or more than one, is meant */
export async function showRun(store: StoreReader, idOrPrefix: string): Promise<ShownRun> {
  const run = await findRun(store, idOrPrefix);
  const edges = await store
    .selectFrom("edges")
    .selectAll()
    .where("run_id", "=", run.id)
    .orderBy("subject")
    .execute();
  const subjectsOf = (wanted: "in" | "out"): readonly string[] =>
    edges.filter(({ direction }) => direction === wanted).map(({ subject }) => subject);
  return {
    id: run.id,
    kind: run.kind,
    subject: run.subject,
    status: run.status,
    reason: run.reason,
    error: run.error,
    attempts: run.attempts,
    folder: run.folder,
    createdAtMs: run.created_at_ms,
    startedAtMs: run.started_at_ms,
    endedAtMs: run.ended_at_ms,
    params: JSON.parse(run.params_json) as ShownRun["params"],
    metrics: await readLastMetrics(store, run.id),
    inputs: subjectsOf("in"),
    outputs: subjectsOf("out"),
    code: {
      gitCommit: run.git_commit,
      gitDirty: run.git_dirty === null ? null : run.git_dirty === 1,
      lockfileSha256: run.lockfile_sha256,
      configSha256: run.config_sha256,
    },
  };
}

async function readLastMetrics(
  store: StoreReader,
  runId: string,
): Promise<Readonly<Record<string, number>>> {
  const rows = await store
    .selectFrom("run_metrics")
    .select(["key", "value"])
    .where("run_id", "=", runId)
    .orderBy("key")
    .orderBy("step")
    .execute();
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}
