import { randomBytes } from "node:crypto";
import type { JobKind, Jobs } from "../jobs/job.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store, StoreReader, StoreTransaction } from "../store/store.ts";
import type { RunTable } from "../store/tables.ts";
import { addEdges } from "./commit/commit.ts";
import { isDue } from "./is-due.ts";
import type { PlannedRun } from "./planned-run.ts";
import type { RunFacts } from "./run-facts.ts";
import { filesOfVersion } from "./version-files.ts";

const FIRST_WAIT_MS = 10_000;
const MAX_WAIT_MS = 3_600_000;
/** No attempt waits longer for the next. */
export const MAX_RETRY_WAIT_MS = 300_000;

/** Puts what is due into the queue, each key once. Returns how many were new. */
export async function enqueue(
  store: Store,
  runs: readonly PlannedRun[],
  facts: RunFacts,
  nowMs: number,
): Promise<number> {
  let added = 0;
  for (const run of runs) {
    const isNew = await store.transaction().execute((tx) => enqueueOne(tx, run, facts, nowMs));
    if (isNew) added += 1;
  }
  return added;
}

async function enqueueOne(
  tx: StoreTransaction,
  run: PlannedRun,
  facts: RunFacts,
  nowMs: number,
): Promise<boolean> {
  const same = await tx
    .selectFrom("runs")
    .select(["status", "ended_at_ms"])
    .where("key", "=", run.key)
    .execute();
  if (same.some((each) => each.status !== "failed")) return false;
  const { lastMs, waitMs } = retryAfter(same);
  if (!isDue(lastMs, waitMs, nowMs)) return false;
  const id = newRunId(run.kind, nowMs);
  const spec = await wholeSpec(tx, run);
  await tx
    .insertInto("runs")
    .values(rowOf(id, run, spec, facts, nowMs))
    .execute();
  await addEdges(tx, id, "in", run.inputs);
  if (run.nonce !== undefined) {
    await tx
      .deleteFrom("asks")
      .where("subject", "=", run.subject)
      .where("nonce", "=", run.nonce)
      .execute();
  }
  if (run.kind === "train") {
    await appendEvent(
      tx,
      { type: "train.triggered", subject: run.subject, runId: id, details: { reason: run.reason } },
      nowMs,
    );
  }
  return true;
}

/** What failed before waits longer every time. */
function retryAfter(failed: readonly { readonly ended_at_ms: number | null }[]): {
  readonly lastMs: number;
  readonly waitMs: number;
} {
  if (failed.length === 0) return { lastMs: 0, waitMs: 0 };
  return {
    lastMs: Math.max(...failed.map((each) => each.ended_at_ms ?? 0)),
    waitMs: Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, failed.length)),
  };
}

/** Why a run that is due waits: those of its key failed; null: it does not. */
export async function explainWait(
  store: StoreReader,
  key: string,
  nowMs: number,
): Promise<string | null> {
  const failed = await store
    .selectFrom("runs")
    .select(["ended_at_ms", "error"])
    .where("key", "=", key)
    .where("status", "=", "failed")
    .orderBy("ended_at_ms")
    .execute();
  const { lastMs, waitMs } = retryAfter(failed);
  if (isDue(lastMs, waitMs, nowMs)) return null;
  const secs = Math.ceil((lastMs + waitMs - nowMs) / 1000);
  const often = failed.length === 1 ? "once" : `${failed.length} times, at last`;
  return `failed ${often}: ${failed.at(-1)?.error ?? "unknown"}; next try in ${secs} s`;
}

/** Sorts by time within a kind. */
function newRunId(kind: string, nowMs: number): string {
  return `${kind}-${nowMs.toString(36)}-${randomBytes(3).toString("hex")}`;
}

async function wholeSpec(tx: StoreTransaction, run: PlannedRun): Promise<Jobs[JobKind]["spec"]> {
  if (run.kind !== "train") return run.spec;
  const { name, version } = run.spec.dataset;
  return { ...run.spec, files: await filesOfVersion(tx, name, version) };
}

function rowOf(
  id: string,
  run: PlannedRun,
  spec: Jobs[JobKind]["spec"],
  facts: RunFacts,
  nowMs: number,
): RunTable {
  return {
    id,
    kind: run.kind,
    subject: run.subject,
    key: run.key,
    status: "queued",
    reason: run.reason,
    spec_json: JSON.stringify(spec),
    result_json: null,
    error: null,
    attempts: 0,
    lost_attempts: 0,
    transient_attempts: 0,
    interrupted_attempts: 0,
    folder: null,
    not_before_ms: 0,
    created_at_ms: nowMs,
    started_at_ms: null,
    ended_at_ms: null,
    claimed_by: null,
    git_commit: facts.gitCommit,
    git_dirty: facts.gitDirty === null ? null : Number(facts.gitDirty),
    lockfile_sha256: facts.lockfileSha256,
    config_sha256: facts.configSha256,
    params_json: "{}",
  };
}

/** Runs that may start now, in the order of the queue. */
export async function dueRuns(store: Store, limit: number, nowMs: number): Promise<RunTable[]> {
  return await store
    .selectFrom("runs")
    .selectAll()
    .where("status", "=", "queued")
    // Later than any wait: the clock was set back.
    .where(({ eb, or }) =>
      or([eb("not_before_ms", "<=", nowMs), eb("not_before_ms", ">", nowMs + MAX_RETRY_WAIT_MS)]),
    )
    .orderBy("created_at_ms")
    .orderBy("id")
    .limit(limit)
    .execute();
}

/**
 * Marks the next attempt before its process starts. Returns whether the run was there to be started:
 * a coordinator that lost its claim without knowing finds it taken.
 */
export async function markStarted(
  store: Store,
  run: RunTable,
  folder: string,
  holder: string,
  nowMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await store
    .updateTable("runs")
    .set({
      status: "running",
      attempts: run.attempts + 1,
      folder,
      claimed_by: holder,
      started_at_ms: run.started_at_ms ?? nowMs,
    })
    .where("id", "=", run.id)
    .where("status", "=", "queued")
    .where("attempts", "=", run.attempts)
    .executeTakeFirst();
  return Number(numUpdatedRows) === 1;
}

/**
 * Back into the queue, for another attempt; nothing when this attempt is not the running one.
 * @param tally what the attempt counts as; nothing for one that was stopped
 */
export async function requeue(
  store: Store,
  run: RunTable,
  error: string,
  notBeforeMs: number,
  tally: Partial<Pick<RunTable, "lost_attempts" | "transient_attempts">> = {},
): Promise<void> {
  await store
    .updateTable("runs")
    .set({ status: "queued", error, not_before_ms: notBeforeMs, claimed_by: null, ...tally })
    .where("id", "=", run.id)
    .where("status", "=", "running")
    .where("attempts", "=", run.attempts)
    .execute();
}
