import { lastingText, type WatchedWindow } from "../monitors/watched-window.ts";
import type { ModelConfig, Rule } from "../project/project.ts";
import { subjectOf } from "../store/subject.ts";
import { isCronDue } from "./is-due.ts";
import { knownChampion } from "./known-champion.ts";
import { ASKED_FOR, type PlannedRun, type Withheld } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { DatasetState, ModelState, Snapshot } from "./snapshot.ts";
import { trainerCommand } from "./trainer-command.ts";

const DEFAULT_UNLESS = { coolDownSecs: 3600, maxPerDay: 4, maxRefused: 3 };
const FIRST_FAILURE_WAIT_SECS = 10;
const MAX_FAILURE_WAIT_SECS = 3600;

/** Stand in where the project has no rule for a model: what was measured wrong is trained anew. */
function defaultRules(model: string): Rule[] {
  return [
    { when: { degradation: true }, do: "train", model },
    { when: { drift: true }, do: "train", model },
  ];
}

/** Which models are to be trained, and which are not although something asks for it. */
export function planTrainings(snapshot: Snapshot): (PlannedRun | Withheld)[] {
  const planned: (PlannedRun | Withheld)[] = [];
  for (const [name, config] of Object.entries(snapshot.project.project.models)) {
    const state = snapshot.models.get(name);
    if (state === undefined || isBusy(snapshot, name, state)) continue;
    if (awaitsRelease(snapshot, config)) continue;
    const next = planTraining(snapshot, name, config, state);
    if (next !== null) planned.push(next);
  }
  return planned;
}

/** A model that cannot be planned stops no other. */
function planTraining(
  snapshot: Snapshot,
  name: string,
  config: ModelConfig,
  state: ModelState,
): PlannedRun | Withheld | null {
  const subject = subjectOf.model(name);
  try {
    const decision = decideTraining(snapshot, name, config, state);
    if (decision === null) return null;
    if ("withheld" in decision) return { subject, reason: decision.withheld };
    return trainingOf(snapshot, name, config, state, decision.reason);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { subject, reason: `its training cannot be planned: ${why}` };
  }
}

function isBusy({ active }: Snapshot, name: string, { inFlight }: ModelState): boolean {
  const subject = subjectOf.model(name);
  return (
    inFlight.some((candidate) => candidate.origin === "trained") ||
    active.some((run) => run.kind === "train" && run.subject === subject)
  );
}

/** Batches that other rules may release are looked at first: a training that began now would miss them. */
function awaitsRelease({ datasets }: Snapshot, config: ModelConfig): boolean {
  const { releasable } = datasets.get(config.dataset) ?? {};
  return releasable !== undefined && releasable.length > 0;
}

type Decision = { readonly reason: string } | { readonly withheld: string } | null;

/** The first reason to train that nothing speaks against; else what speaks against the first. */
function decideTraining(
  snapshot: Snapshot,
  name: string,
  config: ModelConfig,
  state: ModelState,
): Decision {
  const dataset = snapshot.datasets.get(config.dataset)?.version ?? null;
  // What a training will find: of each key one.
  const rows = dataset === null ? 0 : dataset.rows - dataset.updatedRows;
  if (state.forced !== null) {
    return rows >= config.minRows
      ? { reason: ASKED_FOR }
      : { withheld: `asked for, but ${explainTooFew(rows, config)}` };
  }
  if (state.training.lastStartedMs === null) {
    if (rows === 0) return null;
    return rows >= config.minRows
      ? { reason: `first model: ${rows} rows, at least ${config.minRows} asked for` }
      : { withheld: `first model: ${explainTooFew(rows, config)}` };
  }
  const decision = decideByRules(snapshot, name, config, state);
  if (decision === null || "withheld" in decision || rows >= config.minRows) return decision;
  return { withheld: `${decision.reason}; withheld: ${explainTooFew(rows, config)}` };
}

function explainTooFew(rows: number, config: ModelConfig): string {
  return `dataset '${config.dataset}' has ${rows} rows, fewer than the ${config.minRows} of minRows`;
}

function decideByRules(
  snapshot: Snapshot,
  name: string,
  config: ModelConfig,
  state: ModelState,
): Decision {
  const dataset = snapshot.datasets.get(config.dataset);
  const own = snapshot.project.project.rules.filter((rule) => rule.model === name);
  const fired: Fired[] = [];
  for (const rule of own.length > 0 ? own : defaultRules(name)) {
    const reason = explainRule(rule, state, dataset?.version?.rows ?? 0, snapshot.nowMs);
    if (reason !== null) fired.push({ reason, unless: rule.unless, isDrift: "drift" in rule.when });
  }
  // No window will ever ask for another. What served and was removed on purpose stays away.
  if (state.champion === null && !state.training.hasPublished) {
    fired.push({ reason: "no version serves yet", unless: own[0]?.unless, isDrift: false });
  }
  let withheld: string | null = null;
  for (const each of fired) {
    const against = explainAgainst(each, state, dataset, snapshot.nowMs);
    if (against === null) return { reason: each.reason };
    withheld ??= `${each.reason}; withheld: ${against}`;
  }
  return withheld === null ? null : { withheld };
}

/** What asks for a training. */
interface Fired {
  readonly reason: string;
  readonly unless: Rule["unless"];
  readonly isDrift: boolean;
}

/** Why the rule fires, null if it does not. */
function explainRule(
  { when }: Rule,
  state: ModelState,
  rows: number,
  nowMs: number,
): string | null {
  const last = passedMs(state.training.lastStartedMs, nowMs);
  if ("newRows" in when) {
    const fresh = rows - state.training.lastDatasetRows;
    return fresh >= when.newRows ? `${fresh} new rows since the last training` : null;
  }
  if ("cron" in when) {
    return isCronDue(when.cron, last, nowMs) ? `cron '${when.cron}'` : null;
  }
  return "drift" in when ? explainDrift(state, last) : explainDegradation(state, last);
}

/** Long ago when the clock was set back to before it: nothing would follow it for as long as that. */
function passedMs(lastMs: number | null, nowMs: number): number {
  return lastMs === null || lastMs > nowMs ? 0 : lastMs;
}

/** Windows of the champion that closed after the last training began. */
function freshResults(
  state: ModelState,
  lastMs: number,
): { number: number; result: WatchedWindow }[] {
  return state.windows
    .filter((window) => window.result_json !== null && window.last_at_ms > lastMs)
    .map((window) => ({
      number: window.number,
      result: JSON.parse(window.result_json ?? "null") as WatchedWindow,
    }))
    .reverse();
}

function explainDrift(state: ModelState, lastMs: number): string | null {
  const found = freshResults(state, lastMs).find(({ result }) => result.alertColumns.length > 0);
  if (found === undefined) return null;
  const texts = found.result.drift
    .filter((column) => found.result.alertColumns.includes(column.column))
    .slice(0, 3)
    .map((column) => `${column.column} (${lastingText(column)})`);
  return `drift in window ${found.number} of version ${knownChampion(state)?.version}: ${texts.join("; ")}`;
}

function explainDegradation(state: ModelState, lastMs: number): string | null {
  const found = freshResults(state, lastMs).find(({ result }) => result.isDegradationAlert);
  const performance = found?.result.performance;
  if (found === undefined || performance === null || performance === undefined) return null;
  const { metric, realised, evaluated } = performance;
  return `degradation in window ${found.number} of version ${knownChampion(state)?.version}: ${metric} ${fixed(realised)}, ${fixed(evaluated)} at evaluation`;
}

function fixed(value: number | null): string {
  return value === null ? "unknown" : value.toFixed(4);
}

/** What speaks against training now, null for nothing. */
function explainAgainst(
  { unless, isDrift }: Fired,
  state: ModelState,
  dataset: DatasetState | undefined,
  nowMs: number,
): string | null {
  const { training } = state;
  const { coolDownSecs, maxPerDay, maxRefused } = unless ?? DEFAULT_UNLESS;
  const version = dataset?.version?.version ?? 0;
  if (version === training.lastDatasetVersion) return "no new data since the last training";
  if (isDrift && !hasDataSinceDrift(state, dataset, nowMs)) {
    return "no data since the drift began: what is older would teach the old again";
  }
  const agoSecs = Math.floor((nowMs - passedMs(training.lastStartedMs, nowMs)) / 1000);
  if (agoSecs < coolDownSecs)
    return `the last training began ${agoSecs} s ago, cool-down is ${coolDownSecs} s`;
  const waitSecs = failureWaitSecs(training.failedInRow);
  if (agoSecs < waitSecs) {
    return `${training.failedInRow} trainings in a row failed; the next try is ${waitSecs} s after the last`;
  }
  if (training.startedWithinDay >= maxPerDay) {
    return `${training.startedWithinDay} trainings within a day, at most ${maxPerDay}`;
  }
  if (training.refusedInRow >= maxRefused) {
    return `${training.refusedInRow} candidates in a row were refused; somebody must look ('sluice run MODEL' tries again)`;
  }
  return null;
}

/** Doubles with every training that failed, whatever data it was on. */
function failureWaitSecs(failedInRow: number): number {
  if (failedInRow === 0) return 0;
  return Math.min(MAX_FAILURE_WAIT_SECS, FIRST_FAILURE_WAIT_SECS * 2 ** Math.min(20, failedInRow));
}

/** Whether a batch that was pulled since the first alert after the last training has landed. */
function hasDataSinceDrift(
  state: ModelState,
  dataset: DatasetState | undefined,
  nowMs: number,
): boolean {
  const alerts = freshResults(state, passedMs(state.training.lastStartedMs, nowMs)).filter(
    ({ result }) => result.alertColumns.length > 0,
  );
  const beganMs = Math.min(...alerts.map(({ result }) => result.firstAtMs));
  return dataset?.landed.some((batch) => batch.created_at_ms >= beganMs) ?? false;
}

function trainingOf(
  snapshot: Snapshot,
  name: string,
  config: ModelConfig,
  state: ModelState,
  reason: string,
): PlannedRun {
  const dataset = snapshot.datasets.get(config.dataset);
  const version = dataset?.version;
  if (version === undefined || version === null)
    throw new Error(`dataset '${config.dataset}' has no version`);
  const spec = {
    model: name,
    config,
    timeColumn: snapshot.project.project.datasets[config.dataset]?.time ?? null,
    keyColumns: snapshot.project.project.datasets[config.dataset]?.key ?? [],
    dataset: { name: config.dataset, version: version.version },
    command: trainerCommand(config, snapshot.config.trainerCommands),
  };
  return {
    kind: "train",
    subject: subjectOf.model(name),
    key: runKey(
      "train",
      name,
      config,
      spec.timeColumn,
      spec.keyColumns,
      spec.dataset,
      state.forced,
    ),
    ...(state.forced !== null && { nonce: state.forced }),
    reason,
    spec,
    inputs: [subjectOf.dataset(config.dataset, version.version)],
  };
}
