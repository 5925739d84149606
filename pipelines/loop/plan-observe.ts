import { NO_DRIFT_WATCH } from "../monitors/no-drift-watch.ts";
import type { ModelConfig } from "../project/project.ts";
import { subjectOf } from "../store/subject.ts";
import type { CaptureTable } from "../store/tables.ts";
import { knownChampion } from "./known-champion.ts";
import type { PlannedRun, Withheld } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { Champion, ModelState, Snapshot } from "./snapshot.ts";

/**
 * One window a model at a time: the next full one, else an old one whose labels came. Says of a
 * champion that was not trained here that its drift is not watched.
 */
export function planObserves(snapshot: Snapshot): (PlannedRun | Withheld)[] {
  const planned: (PlannedRun | Withheld)[] = [];
  for (const [model, config] of Object.entries(snapshot.project.project.models)) {
    const state = snapshot.models.get(model);
    const champion = knownChampion(state);
    if (config.monitor === undefined || state === undefined || champion === null) continue;
    if (!hasReference(champion)) {
      planned.push({ subject: subjectOf.model(model, champion.version), reason: NO_DRIFT_WATCH });
    }
    const prefix = `${subjectOf.model(model)}@`;
    const isActive = snapshot.active.some(
      (run) => run.kind === "observe" && run.subject.startsWith(prefix),
    );
    if (isActive) continue;
    const due = nextWindow(config, state) ?? oldWindow(state);
    if (due !== null) planned.push(observeOf(snapshot, model, config, champion, due));
  }
  return planned;
}

function hasReference({ files }: Champion): boolean {
  return (files?.referencePath ?? null) !== null;
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

function oldWindow({ lateWindow }: ModelState): DueWindow | null {
  return lateWindow === null ? null : { ...lateWindow, reason: "labels came since the last look" };
}

function lastSeq(labelFiles: Snapshot["labelFiles"]): number {
  return labelFiles.at(-1)?.seq ?? 0;
}

function observeOf(
  snapshot: Snapshot,
  model: string,
  config: ModelConfig,
  champion: Champion,
  due: DueWindow,
): PlannedRun {
  const since = Math.min(...due.captures.map((capture) => capture.first_at_ms));
  const labels = snapshot.labelFiles.filter((file) => file.created_at_ms >= since);
  const evaluation = champion.candidate?.evaluation_json ?? null;
  const spec = {
    model,
    version: champion.version,
    config,
    features: champion.files?.features ?? [],
    capturePaths: due.captures.map((capture) => capture.path),
    labelPaths: labels.map((file) => file.path),
    labelSeq: lastSeq(snapshot.labelFiles),
    referencePath: champion.files?.referencePath ?? null,
    evaluated: evaluation === null ? null : JSON.parse(evaluation).candidate,
  };
  return {
    kind: "observe",
    subject: subjectOf.model(model, champion.version),
    key: runKey("observe", model, champion.version, due.number, spec.labelSeq),
    reason: due.reason,
    spec,
    inputs: [
      subjectOf.model(model, champion.version),
      ...due.captures.map((capture) => subjectOf.capture(capture.id)),
    ],
  };
}
