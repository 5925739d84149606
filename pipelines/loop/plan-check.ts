import type { Contract } from "../quality/check-spec.ts";
import { subjectOf } from "../store/subject.ts";
import type { ContractTable } from "../store/tables.ts";
import { checkRules } from "./check-rules.ts";
import type { PlannedRun } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { BatchRow, DatasetState, Snapshot } from "./snapshot.ts";

/** One batch a dataset at a time, oldest first: each accepted one is history for the next. */
export function planChecks(snapshot: Snapshot): PlannedRun[] {
  const planned: PlannedRun[] = [];
  for (const [name, state] of snapshot.datasets) {
    const subject = subjectOf.dataset(name);
    if (snapshot.active.some((run) => run.kind === "check" && run.subject === subject)) continue;
    const due = nextBatch(state);
    if (due !== null) planned.push(checkOf(snapshot, name, state, due.batch, due.reason));
  }
  return planned;
}

function nextBatch(state: DatasetState): { batch: BatchRow; reason: string } | null {
  const [again] = state.releasable;
  if (again !== undefined) return { batch: again, reason: explainAgain(again, state) };
  const [batch] = state.pulled;
  return batch === undefined ? null : { batch, reason: `${batch.rows} new rows` };
}

function explainAgain({ checked_contract }: BatchRow, { contract }: DatasetState): string {
  return contract !== null && checked_contract !== contract.version
    ? `quarantined; the contract is now version ${contract.version}`
    : "quarantined; the project file has other settings now";
}

function checkOf(
  { project }: Snapshot,
  name: string,
  state: DatasetState,
  batch: BatchRow,
  reason: string,
): PlannedRun {
  const dataset = project.project.datasets[name] ?? {};
  const spec = {
    datasetName: name,
    dataset,
    batch: {
      id: batch.id,
      path: batch.path,
      schema: JSON.parse(batch.schema_json),
      isPartial: batch.is_partial === 1,
    },
    contract: state.contract === null ? null : contractOf(state.contract),
    acceptedPaths: state.landed.map((each) => each.path),
    partialPaths: state.landed.filter((each) => each.is_partial === 1).map((each) => each.path),
  };
  return {
    kind: "check",
    subject: subjectOf.dataset(name),
    key: runKey("check", batch.id, checkRules(state.contract?.version ?? 0, dataset)),
    reason,
    spec,
    inputs: [subjectOf.batch(batch.id)],
  };
}

export function contractOf(row: ContractTable): Contract {
  return JSON.parse(row.effective_json) as Contract;
}
