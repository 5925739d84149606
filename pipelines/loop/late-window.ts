import type { WatchedWindow } from "../monitors/watched-window.ts";
import type { ModelConfig } from "../project/project.ts";
import type { WindowTable } from "../store/tables.ts";

/** Windows are looked at again while labels come in, so long after they closed. */
const MATURATION_MS = 7 * 86_400_000;

/**
 * Windows whose labels were too few while more came since the last look; the one looked at longest ago
 * first. Pure.
 * @param labelSeq highest number of the label files
 */
export function lateWindows(
  windows: readonly WindowTable[],
  { monitor }: Pick<ModelConfig, "monitor">,
  labelSeq: number,
  nowMs: number,
): WindowTable[] {
  const wanted = monitor?.performance?.coverage;
  if (wanted === undefined) return [];
  return windows
    .filter(
      (window) =>
        window.label_seq < labelSeq &&
        nowMs - window.created_at_ms <= MATURATION_MS &&
        coverageOf(window) < wanted,
    )
    .sort((a, b) => a.looked_at_ms - b.looked_at_ms || a.number - b.number);
}

function coverageOf(window: WindowTable): number {
  const result = JSON.parse(window.result_json ?? "null") as WatchedWindow | null;
  return result?.performance?.coverage ?? 0;
}
