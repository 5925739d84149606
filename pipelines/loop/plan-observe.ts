import type { ObserveResult } from "../monitors/observe-spec.ts";
import type { ModelConfig } from "../project/project.ts";
import { subjectOf } from "../store/subject.ts";
import type { CaptureTable, WindowTable } from "../store/tables.ts";
import type { PlannedRun } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { Champion, ModelState, Snapshot } from "./snapshot.ts";

/** Windows are looked at again while labels come in, so long after they closed. */
const MATURATION_MS = 7 * 86_400_000;
const MAX_LABEL_FILES = 500;

/** One window a model at a time: the next full one, else an old one whose labels came. */
export function planObserves(snapshot: Snapshot): PlannedRun[] {
  const planned: PlannedRun[] = [];
  for (const [model, config] of Object.entries(snapshot.project.project.models)) {
    const state = snapshot.models.get(model);
    const champion = state?.champion ?? null;
    if (config.monitor === undefined || state === undefined || champion === null) continue;
    const prefix = `${subjectOf.model(model)}@`;
    const isActive = snapshot.active.some(
      (run) => run.kind === "observe" && run.subject.startsWith(prefix),
    );
    if (isActive) continue;
    const due = nextWindow(config, state) ?? oldWindow(snapshot, config, state);
    if (due !== null) planned.push(observeOf(snapshot, model, config, state, champion, due));
  }
  return planned;
}

interface DueWindow {
  readonly number: number;
  readonly captures: readonly CaptureTable[];
  readonly reason: string;
}

/** Whole capture files until the window is full; null: not yet. */
function nextWindow(config: ModelConfig, state: ModelState): DueWindow | null {
  const wanted = config.monitor?.windowRows ?? Number.POSITIVE_INFINITY;
  const captures: CaptureTable[] = [];
  let rows = 0;
  for (const capture of state.unwindowed) {
    captures.push(capture);
    rows += capture.rows;
    if (rows >= wanted) {
      const number = (state.windows.at(-1)?.number ?? 0) + 1;
      return { number, captures, reason: `${rows} captured rows make window ${number}` };
    }
  }
  return null;
}

/** The oldest window whose labels were too few, if more came since. */
function oldWindow(
  { nowMs, labelFiles }: Snapshot,
  config: ModelConfig,
  state: ModelState,
): DueWindow | null {
  const wanted = config.monitor?.performance?.coverage;
  if (wanted === undefined) return null;
  for (const window of state.windows) {
    if (window.label_files >= labelFiles.length) continue;
    if (nowMs - window.created_at_ms > MATURATION_MS) continue;
    const { performance } = JSON.parse(window.result_json ?? "null") as ObserveResult;
    if (performance !== null && performance.coverage >= wanted) continue;
    const captures = state.windowCaptures.get(window.id) ?? [];
    if (captures.length === 0) continue;
    const fresh = labelFiles.length - window.label_files;
    return { number: window.number, captures, reason: `${fresh} label files came since` };
  }
  return null;
}

function observeOf(
  snapshot: Snapshot,
  model: string,
  config: ModelConfig,
  state: ModelState,
  champion: Champion,
  due: DueWindow,
): PlannedRun {
  const n = config.monitor?.n ?? 3;
  const before = state.windows
    .filter((window) => window.number < due.number)
    .slice(-(n - 1))
    .map(resultOf);
  const since = Math.min(...due.captures.map((capture) => capture.first_at_ms));
  const labels = snapshot.labelFiles.filter((file) => file.created_at_ms >= since);
  const evaluation = champion.candidate?.evaluation_json ?? null;
  const spec = {
    model,
    version: champion.version,
    config,
    features: champion.files?.features ?? [],
    capturePaths: due.captures.map((capture) => capture.path),
    labelPaths: labels.slice(-MAX_LABEL_FILES).map((file) => file.path),
    referencePath: champion.files?.referencePath ?? null,
    evaluated: evaluation === null ? null : JSON.parse(evaluation).candidate,
    before: n === 1 ? [] : before.map((result) => driftedColumns(result)),
    degradedBefore: n === 1 ? [] : before.map((result) => result.performance?.isDegraded === true),
  };
  return {
    kind: "observe",
    subject: subjectOf.model(model, champion.version),
    key: runKey("observe", model, champion.version, due.number, snapshot.labelFiles.length),
    reason: due.reason,
    spec,
    inputs: [
      subjectOf.model(model, champion.version),
      ...due.captures.map((capture) => subjectOf.capture(capture.id)),
    ],
  };
}

function resultOf(window: WindowTable): ObserveResult {
  return JSON.parse(window.result_json ?? "null") as ObserveResult;
}

function driftedColumns(result: ObserveResult): string[] {
  return result.drift.filter((column) => column.hasDrifted).map((column) => column.column);
}
