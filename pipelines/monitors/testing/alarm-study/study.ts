import type { Table } from "../../../datasets/column.ts";
import { driftOf } from "../../drift.ts";
import { isAlert } from "../../k-of-n.ts";
import { type Change, changesOf } from "./changes.ts";
import { FEATURES, sliceTable } from "./flights.ts";

/** The defaults of `monitor` in sluice.yaml. */
export const BOUNDS = { distance: 0.1, pValue: 0.05, k: 2, n: 3 } as const;

/** Windows that a change lasts. */
const CHANGED_WINDOWS = 5;

export interface Finding {
  readonly windowRows: number;
  /** null: nothing was changed. */
  readonly change: Change | null;
  readonly windows: number;
  /** Windows in which at least one column had drifted. */
  readonly alarms: number;
  /** Windows in which at least one column had in k of the last n. */
  readonly acted: number;
  /** Number of the changed window, from 1, of the first; null: never. Of a change, in its own column. */
  readonly firstAlarm: number | null;
  readonly firstAct: number | null;
}

export interface StudyPlan {
  readonly referenceRows: number;
  readonly quietWindows: number;
  readonly windowRows: readonly number[];
}

/** Rows that a plan reads. */
export function rowsOf({ referenceRows, quietWindows, windowRows }: StudyPlan): number {
  return referenceRows + Math.max(...windowRows) * (quietWindows + CHANGED_WINDOWS);
}

/**
 * Lets windows of unchanged data pass the drift rule, then each change by itself in windows that come
 * after; the rule is the one that the job runs.
 */
export function study(rows: Table, plan: StudyPlan): readonly Finding[] {
  const reference = sliceTable(rows, 0, plan.referenceRows);
  const changes = changesOf(reference);
  return plan.windowRows.flatMap((windowRows) => {
    const window = (i: number) => sliceTable(rows, plan.referenceRows + i * windowRows, windowRows);
    const quiet = indices(0, plan.quietWindows).map((i) => driftedIn(reference, window(i)));
    const findings: Finding[] = [finding(windowRows, null, quiet, 0)];
    for (const change of changes) {
      const changed = indices(plan.quietWindows, CHANGED_WINDOWS).map((i) =>
        driftedIn(reference, change.apply(window(i))),
      );
      const before = quiet.slice(1 - BOUNDS.n);
      findings.push(finding(windowRows, change, [...before, ...changed], before.length));
    }
    return findings;
  });
}

type Drifted = readonly string[];

function driftedIn(reference: Table, window: Table): Drifted {
  return driftOf(reference, window, FEATURES, BOUNDS)
    .filter(({ drift }) => drift.hasDrifted)
    .map(({ drift }) => drift.column);
}

/** @param from the first of `windows` that counts; those before are history */
function finding(
  windowRows: number,
  change: Change | null,
  windows: readonly Drifted[],
  from: number,
): Finding {
  const acted = windows.map((columns, i) => columns.filter((column) => acts(windows, i, column)));
  const counted = windows.slice(from);
  const countedActs = acted.slice(from);
  const isFound = (columns: Drifted) =>
    change === null ? columns.length > 0 : columns.includes(change.column);
  return {
    windowRows,
    change,
    windows: counted.length,
    alarms: counted.filter((columns) => columns.length > 0).length,
    acted: countedActs.filter((columns) => columns.length > 0).length,
    firstAlarm: first(counted, isFound),
    firstAct: first(countedActs, isFound),
  };
}

function acts(windows: readonly Drifted[], at: number, column: string): boolean {
  const seen = windows.slice(0, at + 1).map((columns) => columns.includes(column));
  return isAlert(seen[at] === true, seen.slice(0, at), BOUNDS);
}

function first(windows: readonly Drifted[], isFound: (columns: Drifted) => boolean): number | null {
  const at = windows.findIndex(isFound);
  return at === -1 ? null : at + 1;
}

function indices(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
