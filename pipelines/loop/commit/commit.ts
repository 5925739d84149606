import type { JobKind, Jobs } from "../../jobs/job.ts";
import type { LoadedProject } from "../../project/loaded-project.ts";
import { appendEvent, type NewEvent } from "../../store/event-log.ts";
import type { StoreTransaction } from "../../store/store.ts";

/** A finished run whose result is taken up. */
export interface FinishedRun<K extends JobKind> {
  readonly id: string;
  readonly subject: string;
  readonly reason: string;
  readonly spec: Jobs[K]["spec"];
  readonly result: Jobs[K]["result"];
  /** Of the attempt. Absolute. */
  readonly folder: string;
}

/** What a commit works with: one transaction, in which everything that the result means becomes true. */
export interface CommitContext {
  readonly tx: StoreTransaction;
  readonly project: LoadedProject;
  readonly home: string;
  readonly nowMs: number;
}

export type Commit<K extends JobKind> = (
  context: CommitContext,
  run: FinishedRun<K>,
) => Promise<void>;

export async function raise({ tx, nowMs }: CommitContext, event: NewEvent): Promise<void> {
  await appendEvent(tx, event, nowMs);
}

/** What the run made, for lineage. */
export async function addOutputs(
  { tx }: CommitContext,
  runId: string,
  subjects: readonly string[],
): Promise<void> {
  await addEdges(tx, runId, "out", subjects);
}

export async function addEdges(
  tx: StoreTransaction,
  runId: string,
  direction: "in" | "out",
  subjects: readonly string[],
): Promise<void> {
  if (subjects.length === 0) return;
  const rows = [...new Set(subjects)].map((subject) => ({ run_id: runId, direction, subject }));
  await tx
    .insertInto("edges")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Batches are numbered in the order of their landing: outlets read on from a number. */
export async function nextBatchSeq(tx: StoreTransaction): Promise<number> {
  const last = await tx
    .selectFrom("batches")
    .select((query) => query.fn.max("seq").as("seq"))
    .executeTakeFirst();
  return Number(last?.seq ?? 0) + 1;
}
