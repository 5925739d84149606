import type { MonitorConfig } from "../project/project.ts";
import { isAlert } from "./k-of-n.ts";
import type { ColumnDrift, ObserveResult } from "./observe-spec.ts";

/** What is kept of a window: the last look at it, and what it means beside its neighbours. */
export interface WatchedWindow extends ObserveResult {
  /** Columns drifted here and in k of the last n windows: reason to act. */
  readonly alertColumns: readonly string[];
  /** Likewise for the realised metric. */
  readonly isDegradationAlert: boolean;
}

/**
 * Judges every window beside those before it. A look at an older window (labels came) may change the
 * verdict of later ones, so that all are judged again.
 * @param results oldest first
 */
export function judgeWindows(
  results: readonly ObserveResult[],
  monitor: Pick<MonitorConfig, "k" | "n">,
): WatchedWindow[] {
  const drifted = results.map(driftedColumns);
  const degraded = results.map((result) => result.performance?.isDegraded === true);
  return results.map((result, at) => ({
    ...result,
    alertColumns: (drifted[at] ?? []).filter((column) => {
      const before = drifted.slice(0, at).map((columns) => columns.includes(column));
      return isAlert(true, before, monitor);
    }),
    isDegradationAlert: isAlert(degraded[at] === true, degraded.slice(0, at), monitor),
  }));
}

export function driftedColumns({ drift }: ObserveResult): string[] {
  return drift.filter(({ hasDrifted }) => hasDrifted).map(({ column }) => column);
}

/**
 * What changed, for records that outlive captured data: names of categories come from clients and stay
 * in the report, which expires.
 */
export function lastingText({ kind, text, distance }: ColumnDrift): string {
  return kind === "number" ? text : `distance ${distance.toFixed(2)}`;
}
