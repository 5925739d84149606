import type { RunTable } from "../store/tables.ts";
import type { RunOutcome } from "./end-run.ts";

/** One line: what ran, on what, how it ended, how long it took, why it ran. */
export function describeEnd(run: RunTable, outcome: RunOutcome, seconds: number): string {
  const head = `${run.kind} ${run.subject}`;
  const took = `${seconds.toFixed(1)} s`;
  switch (outcome.status) {
    case "finished":
      return `${head}: finished in ${took} (${run.reason}) [${run.id}]`;
    case "again":
      return `${head}: will be tried again: ${outcome.message} [${run.id}]`;
    case "failed":
      return `${head}: FAILED: ${outcome.message} [${run.id}]`;
  }
}
