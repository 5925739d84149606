import { Cron } from "croner";
import { lastingText, type WatchedWindow } from "../monitors/watched-window.ts";
import type { ModelConfig, Rule } from "../project/project.ts";
import { subjectOf } from "../store/subject.ts";
import type { PlannedRun, Withheld } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { DatasetState, ModelState, Snapshot } from "./snapshot.ts";
import { trainerCommand } from "./trainer-command.ts";

const DEFAULT_UNLESS = { coolDownSecs: 3600, maxPerDay: 4, maxRefused: 3 };

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
    const decision = awaitsRelease(snapshot, config)
      ? null
      : decideTraining(snapshot, name, config, state);
    if (decision === null) continue;
    const subject = subjectOf.model(name);
    if ("withheld" in decision) planned.push({ subject, reason: decision.withheld });
    else planned.push(trainingOf(snapshot, name, config, state, decision.reason));
  }
  return planned;
}

function isBusy({ active }: Snapshot, name: string, { inFlight }: ModelState): boolean {
  const subject = subjectOf.model(name);
  return (
    inFlight.some((candidate) => candidate.origin === "trained") ||
    active.some((run) => run.kind === "train" && run.subject === subject)
  );
}

/** Batches that a new contract may release are looked at first: a training that began now would miss them. */
function awaitsRelease({ datasets }: Snapshot, config: ModelConfig): boolean {
  const { quarantined, contract } = datasets.get(config.dataset) ?? {};
  const version = contract?.version ?? 0;
  return quarantined?.some((batch) => (batch.checked_contract ?? 0) < version) ?? false;
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
  const rows = dataset?.rows ?? 0;
  if (state.forced !== null) {
    return rows >= config.minRows
      ? { reason: "asked for" }
      : { withheld: `asked for, but ${explainTooFew(rows, config)}` };
  }
  if (state.training.lastStartedMs === null) {
    if (rows === 0) return null;
    return rows >= config.minRows
      ? { reason: `first model: ${rows} rows, at least ${config.minRows} asked for` }
      : { withheld: `first model: ${explainTooFew(rows, config)}` };
  }
  return decideByRules(snapshot, name, config, state);
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
  let withheld: string | null = null;
  for (const rule of own.length > 0 ? own : defaultRules(name)) {
    const reason = explainRule(rule, state, dataset?.version?.rows ?? 0, snapshot.nowMs);
    if (reason === null) continue;
    const against = explainAgainst(rule, state, dataset, snapshot.nowMs);
    if (against === null) return { reason };
    withheld ??= `${reason}; withheld: ${against}`;
  }
  return withheld === null ? null : { withheld };
}

/** Why the rule fires, null if it does not. */
function explainRule(
  { when }: Rule,
  state: ModelState,
  rows: number,
  nowMs: number,
): string | null {
  const last = state.training.lastStartedMs ?? 0;
  if ("newRows" in when) {
    const fresh = rows - state.training.lastDatasetRows;
    return fresh >= when.newRows ? `${fresh} new rows since the last training` : null;
  }
  if ("cron" in when) {
    const next = new Cron(when.cron, { timezone: "UTC" }).nextRun(new Date(last));
    return next !== null && next.getTime() <= nowMs ? `cron '${when.cron}'` : null;
  }
  return "drift" in when ? explainDrift(state, last) : explainDegradation(state, last);
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
  return `drift in window ${found.number} of version ${state.champion?.version}: ${texts.join("; ")}`;
}

function explainDegradation(state: ModelState, lastMs: number): string | null {
  const found = freshResults(state, lastMs).find(({ result }) => result.isDegradationAlert);
  const performance = found?.result.performance;
  if (found === undefined || performance === null || performance === undefined) return null;
  const { metric, realised, evaluated } = performance;
  return `degradation in window ${found.number} of version ${state.champion?.version}: ${metric} ${fixed(realised)}, ${fixed(evaluated)} at evaluation`;
}

function fixed(value: number | null): string {
  return value === null ? "unknown" : value.toFixed(4);
}

/** What speaks against training now, null for nothing. */
function explainAgainst(
  rule: Rule,
  state: ModelState,
  dataset: DatasetState | undefined,
  nowMs: number,
): string | null {
  const { training } = state;
  const { coolDownSecs, maxPerDay, maxRefused } = rule.unless ?? DEFAULT_UNLESS;
  const version = dataset?.version?.version ?? 0;
  if (version === training.lastDatasetVersion) return "no new data since the last training";
  if ("drift" in rule.when && !hasDataSinceDrift(state, dataset)) {
    return "no data since the drift began: what is older would teach the old again";
  }
  const agoSecs = Math.floor((nowMs - (training.lastStartedMs ?? 0)) / 1000);
  if (agoSecs < coolDownSecs)
    return `the last training began ${agoSecs} s ago, cool-down is ${coolDownSecs} s`;
  if (training.startedWithinDay >= maxPerDay) {
    return `${training.startedWithinDay} trainings within a day, at most ${maxPerDay}`;
  }
  if (training.refusedInRow >= maxRefused) {
    return `${training.refusedInRow} candidates in a row were refused; somebody must look ('sluice run MODEL' tries again)`;
  }
  return null;
}

/** Whether a batch that was pulled since the first alert after the last training has landed. */
function hasDataSinceDrift(state: ModelState, dataset: DatasetState | undefined): boolean {
  const alerts = freshResults(state, state.training.lastStartedMs ?? 0).filter(
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
    dataset: { name: config.dataset, version: version.version },
    files: version.files,
    command: trainerCommand(config, snapshot.config.trainerCommands),
  };
  return {
    kind: "train",
    subject: subjectOf.model(name),
    key: runKey(
      "train",
      name,
      config,
      spec.dataset,
      version.files.map((file) => file.sha256),
      state.forced,
    ),
    reason,
    spec,
    inputs: [subjectOf.dataset(config.dataset, version.version)],
  };
}
