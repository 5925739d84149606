import { subjectOf } from "../store/subject.ts";
import type { CandidateTable } from "../store/tables.ts";
import { type CandidateFiles, readCandidateFiles } from "./candidate-files.ts";
import type { PlannedRun } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { Champion, ModelState, Snapshot } from "./snapshot.ts";

/** The next step of every candidate: compile, vet, evaluate, publish. One candidate a model at a time. */
export function planCandidates(snapshot: Snapshot): PlannedRun[] {
  const planned: PlannedRun[] = [];
  for (const [model, state] of snapshot.models) {
    const [candidate] = state.inFlight;
    if (candidate !== undefined) planned.push(...nextStep(snapshot, model, state, candidate));
  }
  for (const candidate of snapshot.strangers) {
    planned.push(...nextStep(snapshot, candidate.model, null, candidate));
  }
  return planned;
}

function nextStep(
  snapshot: Snapshot,
  model: string,
  state: ModelState | null,
  candidate: CandidateTable,
): PlannedRun[] {
  const subject = subjectOf.candidate(candidate.id);
  if (snapshot.active.some((run) => run.subject === subject)) return [];
  const files = readCandidateFiles(candidate.files_json);
  const step: Step = { snapshot, model, state, candidate, files, subject };
  switch (candidate.stage) {
    case "trained":
      return [compileOf(step)];
    case "compiled":
      return [vetOf(step)];
    case "vetted":
      return [evaluateOf(step) ?? publishOf(step, "vetted; nothing to evaluate it on")];
    case "evaluated":
      return [publishOf(step, "passed every gate")];
    default:
      return [];
  }
}

interface Step {
  readonly snapshot: Snapshot;
  readonly model: string;
  readonly state: ModelState | null;
  readonly candidate: CandidateTable;
  readonly files: CandidateFiles;
  readonly subject: string;
}

function compileOf({ snapshot, model, candidate, files, subject }: Step): PlannedRun {
  const config = snapshot.project.project.models[model];
  const { features, artifact, samplePath } = files;
  if (config === undefined || features === null || artifact === null || samplePath === null) {
    throw new Error(`candidate ${candidate.id} of '${model}' lacks what its training made`);
  }
  const spec = { model, task: config.task, features, artifact, samplePath };
  return {
    kind: "compile",
    subject,
    key: runKey("compile", candidate.id),
    reason: "trained",
    spec,
    inputs: [subject],
  };
}

function vetOf({ model, state, candidate, files, subject }: Step): PlannedRun {
  const spec = {
    model,
    modelPath: existing(files.modelPath, candidate),
    goldenPath: files.goldenPath,
    championManifestPath: state?.champion?.manifestPath ?? null,
    isBreaking: false,
  };
  return {
    kind: "vet",
    subject,
    key: runKey("vet", candidate.id),
    reason: candidate.origin === "incoming" ? "found in incoming/" : "compiled",
    spec,
    inputs: [subject],
  };
}

/** null: the project knows no rows to judge it by. */
function evaluateOf({
  snapshot,
  model,
  state,
  candidate,
  files,
  subject,
}: Step): PlannedRun | null {
  const config = snapshot.project.project.models[model];
  // A model that came by hand is judged on the rows that the champion was judged on.
  const rows = files.evaluationPath === null ? (state?.champion?.files ?? null) : files;
  if (config === undefined || rows?.evaluationPath == null || rows.features === null) return null;
  const champion = state?.champion ?? null;
  const spec = {
    model,
    config,
    features: rows.features,
    candidatePath: existing(files.modelPath, candidate),
    champion:
      champion === null ? null : { version: champion.version, modelPath: champion.modelPath },
    evaluationPath: rows.evaluationPath,
  };
  return {
    kind: "evaluate",
    subject,
    key: runKey("evaluate", candidate.id, champion?.version ?? null),
    reason: describeOpponent(champion),
    spec,
    inputs: champion === null ? [subject] : [subject, subjectOf.model(model, champion.version)],
  };
}

function describeOpponent(champion: Champion | null): string {
  return champion === null
    ? "vetted; there is no champion"
    : `vetted; champion is version ${champion.version}`;
}

function publishOf(
  { snapshot, model, candidate, files, subject }: Step,
  reason: string,
): PlannedRun {
  const { config, project } = snapshot;
  const spec = {
    model,
    modelPath: existing(files.modelPath, candidate),
    goldenPath: files.goldenPath,
    repository: config.modelRepository,
    wakesServers: config.redisUrl !== null,
    isBreaking: false,
    lineage: {
      runId: candidate.id,
      origin: candidate.origin,
      project: project.project.project,
      configSha256: project.sha256,
      ...(candidate.train_run_id !== null && { trainRun: candidate.train_run_id }),
      ...(candidate.dataset !== null && {
        dataset: `${candidate.dataset}@${candidate.dataset_version}`,
      }),
    },
  };
  return {
    kind: "publish",
    subject,
    key: runKey("publish", candidate.id),
    reason,
    spec,
    inputs: [subject],
  };
}

function existing(path: string | null, candidate: CandidateTable): string {
  if (path === null) throw new Error(`candidate ${candidate.id} has no model file`);
  return path;
}
