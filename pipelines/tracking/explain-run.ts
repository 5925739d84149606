import type { StoreReader } from "../store/store.ts";
import { describeResult } from "./describe-result.ts";
import type { Explanation } from "./explanation.ts";
import { findRun, type RunRow } from "./find-run.ts";
import { readEventsAbout } from "./read-events.ts";

export async function explainRun(store: StoreReader, id: string): Promise<Explanation> {
  const run = await findRun(store, id);
  const edges = await store
    .selectFrom("edges")
    .selectAll()
    .where("run_id", "=", run.id)
    .orderBy("subject")
    .execute();
  const made = edges.filter(({ direction }) => direction === "out");
  return {
    subject: `run:${run.id}`,
    headline: describeRun(run),
    reason: run.reason,
    evidence: describeOutcome(run),
    before: edges
      .filter(({ direction }) => direction === "in")
      .map(({ subject }) => `read ${subject}`),
    after: [
      ...made.map(({ subject }) => `made ${subject}`),
      ...(await describeReaders(
        store,
        made.map(({ subject }) => subject),
      )),
    ],
    events: await readEventsAbout(store, [], [run.id]),
  };
}

/** `train of model:churn finished after 12.3 s`. */
export function describeRun(run: RunRow): string {
  const { kind, subject, status, attempts } = run;
  const again = attempts > 1 ? `, attempt ${attempts}` : "";
  const took =
    run.started_at_ms === null || run.ended_at_ms === null
      ? ""
      : ` after ${((run.ended_at_ms - run.started_at_ms) / 1000).toFixed(1)} s`;
  return `${kind} of ${subject} ${status}${took}${again}`;
}

export function describeOutcome(run: RunRow): readonly string[] {
  const error = run.error === null ? [] : [`error: ${run.error}`];
  return [...error, ...describeResult(run.kind, run.result_json)];
}

const MAX_READERS = 20;

async function describeReaders(
  store: StoreReader,
  made: readonly string[],
): Promise<readonly string[]> {
  if (made.length === 0) return [];
  const rows = await store
    .selectFrom("edges")
    .innerJoin("runs", "runs.id", "edges.run_id")
    .select(["runs.id as id", "runs.kind as kind", "edges.subject as subject"])
    .where("edges.direction", "=", "in")
    .where("edges.subject", "in", made.slice(0, MAX_READERS))
    .orderBy("runs.created_at_ms")
    .limit(MAX_READERS)
    .execute();
  return rows.map(({ id, kind, subject }) => `${subject} was read by ${kind} run:${id}`);
}
