import { describeDefect } from "../jobs/describe-defect.ts";
import type { JobKind } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { JobMetric } from "../jobs/keep-output.ts";
import { logDefect } from "../jobs/keep-output.ts";
import type { JobEnd } from "../jobs/start-job.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { RunTable } from "../store/tables.ts";
import type { Commit, CommitContext, FinishedRun } from "./commit/commit.ts";
import { refuseCandidate } from "./commit/commit-candidate.ts";
import { COMMIT_TABLE } from "./commit/commit-table.ts";
import { setAside } from "./commit/set-aside.ts";
import { MAX_RETRY_WAIT_MS, requeue } from "./run-queue.ts";

/** What became of an attempt. */
export type RunOutcome =
  | { readonly status: "finished" }
  | { readonly status: "again"; readonly message: string }
  | { readonly status: "failed"; readonly message: string };

export interface EndContext {
  readonly store: Store;
  readonly project: LoadedProject;
  readonly home: string;
  readonly nowMs: number;
}

const MAX_TRANSIENT_ATTEMPTS = 6;
const MAX_LOST_ATTEMPTS = 3;
const FIRST_WAIT_MS = 1_000;
/** There was no room, or somebody else held the store: nothing is wrong with the result. */
const TRANSIENT_CODES =
  /^(ENOSPC|EDQUOT|EFBIG|EMFILE|ENFILE|SQLITE_FULL|SQLITE_BUSY|SQLITE_IOERR.*)$/;

/** Takes up the end of an attempt; whatever it means becomes true in one transaction, once. */
export async function endRun(
  context: EndContext,
  run: RunTable,
  end: JobEnd<JobKind>,
  metrics: readonly JobMetric[],
): Promise<RunOutcome> {
  if (end.outcome !== "result") return await endWithout(context, run, end, metrics);
  try {
    await finish(context, run, end.result, metrics);
    return { status: "finished" };
  } catch (error) {
    const message = `its result could not be taken up: ${describeThrown(error, run.folder)}`;
    const isTransient = error instanceof Error && "code" in error && isTransientCode(error.code);
    return await endWithout(context, run, { outcome: "failed", message, isTransient }, metrics);
  }
}

type EndWithout = Exclude<JobEnd<JobKind>, { readonly outcome: "result" }>;

async function endWithout(
  context: EndContext,
  run: RunTable,
  end: EndWithout,
  metrics: readonly JobMetric[],
): Promise<RunOutcome> {
  const { message } = end;
  const waitMs = retryWaitMs(run, end);
  if (waitMs !== null) {
    await requeue(context.store, run, message, context.nowMs + waitMs, tallyOf(run, end));
    return { status: "again", message };
  }
  await fail(context, run, message, metrics);
  return { status: "failed", message };
}

type Tally = Pick<RunTable, "lost_attempts" | "transient_attempts">;

/** What this attempt makes of the counts; those that were stopped are in neither. */
function tallyOf({ lost_attempts, transient_attempts }: Tally, end: EndWithout): Tally {
  return end.outcome === "lost"
    ? { lost_attempts: lost_attempts + 1, transient_attempts }
    : { lost_attempts, transient_attempts: transient_attempts + 1 };
}

/**
 * How long until the next attempt; null: there is none. A model on its way is not given up because
 * another side is away, however long: nothing would ever bring it again. Nor is a batch that waits to
 * be checked or scored: a check or score that fails says something about the batch (see setAside).
 */
export function retryWaitMs(
  run: Pick<RunTable, "kind" | "subject"> & Tally,
  end: EndWithout,
): number | null {
  const isLost = end.outcome === "lost";
  if (!isLost && !end.isTransient) return null;
  const isKept =
    run.subject.startsWith(subjectOf.candidate("")) || run.kind === "check" || run.kind === "score";
  const mostTransient = isKept ? Number.POSITIVE_INFINITY : MAX_TRANSIENT_ATTEMPTS;
  const tally = tallyOf(run, end);
  const count = isLost ? tally.lost_attempts : tally.transient_attempts;
  if (count >= (isLost ? MAX_LOST_ATTEMPTS : mostTransient)) return null;
  return Math.min(MAX_RETRY_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, count));
}

/** What no user can mend is told whole in the log of the attempt only. */
function describeThrown(thrown: unknown, folder: string | null): string {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error instanceof JobError) return error.message;
  if (folder !== null) logDefect(folder, error);
  return describeDefect(error);
}

function isTransientCode(code: unknown): boolean {
  return typeof code === "string" && TRANSIENT_CODES.test(code);
}

async function finish(
  context: EndContext,
  run: RunTable,
  result: FinishedRun<JobKind>["result"],
  metrics: readonly JobMetric[],
): Promise<void> {
  await context.store.transaction().execute(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable("runs")
      .set({
        status: "finished",
        result_json: JSON.stringify(result),
        error: null,
        ended_at_ms: context.nowMs,
      })
      .where("id", "=", run.id)
      .where("status", "=", "running")
      .where("attempts", "=", run.attempts)
      .executeTakeFirst();
    // Taken up already, or by another coordinator in another attempt.
    if (Number(numUpdatedRows) !== 1) return;
    await addMetrics(tx, run.id, metrics, context.nowMs);
    await commit({ ...context, tx }, run, result);
    if (isNews(run, result)) {
      const details = { kind: run.kind, attempts: run.attempts, reason: run.reason };
      const event = {
        type: "run.finished",
        subject: run.subject,
        runId: run.id,
        details,
      } as const;
      await appendEvent(tx, event, context.nowMs);
    }
  });
}

async function commit(
  context: CommitContext,
  run: RunTable,
  result: FinishedRun<JobKind>["result"],
): Promise<void> {
  const work = COMMIT_TABLE[run.kind as JobKind] as Commit<JobKind>;
  await work(context, {
    id: run.id,
    subject: run.subject,
    reason: run.reason,
    spec: JSON.parse(run.spec_json),
    result,
    folder: run.folder ?? "",
  } as FinishedRun<JobKind>);
}

/** A look that found nothing new is kept as a run and not told as an event. */
function isNews(run: RunTable, result: FinishedRun<JobKind>["result"]): boolean {
  if (run.kind === "pull") return "outcome" in result && result.outcome !== "empty";
  if (run.kind === "collect") return "predictions" in result && result.predictions.length > 0;
  return true;
}

async function fail(
  { store, project, home, nowMs }: EndContext,
  run: RunTable,
  message: string,
  metrics: readonly JobMetric[],
): Promise<void> {
  await store.transaction().execute(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable("runs")
      .set({ status: "failed", error: message, ended_at_ms: nowMs })
      .where("id", "=", run.id)
      .where("status", "=", "running")
      .where("attempts", "=", run.attempts)
      .executeTakeFirst();
    if (Number(numUpdatedRows) !== 1) return;
    await addMetrics(tx, run.id, metrics, nowMs);
    const details = { kind: run.kind, attempts: run.attempts, error: message };
    const event = { type: "run.failed", subject: run.subject, runId: run.id, details } as const;
    await appendEvent(tx, event, nowMs);
    if (run.subject.startsWith("candidate:")) {
      const context = { tx, project, home, nowMs };
      await refuseCandidate(context, run.subject, run.id, run.kind, message);
    }
    await setAside({ tx, project, home, nowMs }, run, message);
  });
}

async function addMetrics(
  tx: StoreTransaction,
  runId: string,
  metrics: readonly JobMetric[],
  nowMs: number,
): Promise<void> {
  for (const { key, value, step } of metrics) {
    if (!Number.isFinite(value)) continue;
    await tx
      .insertInto("run_metrics")
      .values({ run_id: runId, key, step: Math.trunc(step), value, at_ms: nowMs })
      .onConflict((conflict) => conflict.columns(["run_id", "key", "step"]).doUpdateSet({ value }))
      .execute();
  }
}
