import { subjectOf } from "../store/subject.ts";
import type { CandidateTable } from "../store/tables.ts";
import { type CandidateFiles, readCandidateFiles } from "./candidate-files.ts";
import { knownChampion } from "./known-champion.ts";
import type { PlannedRun, Refusal, Withheld } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { Champion, ModelState, Snapshot } from "./snapshot.ts";

/**
 * The next step of every candidate: compile, vet, evaluate, publish; or its refusal. One candidate a
 * model at a time; one that is broken stops no other.
 */
export function planCandidates(snapshot: Snapshot): (PlannedRun | Withheld | Refusal)[] {
  const planned: (PlannedRun | Withheld | Refusal)[] = [];
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
): (PlannedRun | Withheld | Refusal)[] {
  const subject = subjectOf.candidate(candidate.id);
  if (snapshot.active.some((run) => run.subject === subject)) return [];
  const refused = (gate: string, reason: string) => [{ candidateId: candidate.id, gate, reason }];
  if (candidate.origin === "trained" && snapshot.project.project.models[model] === undefined) {
    return refused("project", `model '${model}' left the project`);
  }
  if (state?.champion === "unknown" && candidate.stage !== "trained") {
    const reason = `the champion of '${model}' is not known: the model repository cannot be read`;
    return [{ subject, reason }];
  }
  try {
    const files = readCandidateFiles(candidate.files_json);
    const champion = knownChampion(state);
    const next = stepOf({ snapshot, model, champion, candidate, files, subject });
    return next === null ? [] : [next];
  } catch (error) {
    return refused("plan", error instanceof Error ? error.message : String(error));
  }
}

/** @throws Error for a candidate that lacks what its next step needs */
function stepOf(step: Step): PlannedRun | null {
  const { champion, candidate } = step;
  switch (candidate.stage) {
    case "trained":
      return compileOf(step);
    case "compiled":
      return vetOf(step);
    case "vetted":
      return evaluateOf(step) ?? publishUnjudged(step);
    case "evaluated": {
      const isOpponent = (champion?.version ?? null) === candidate.opponent_version;
      const again = isOpponent ? null : evaluateOf(step);
      return again ?? publishOf(step, "passed every gate");
    }
    default:
      return null;
  }
}

interface Step {
  readonly snapshot: Snapshot;
  readonly model: string;
  readonly champion: Champion | null;
  readonly candidate: CandidateTable;
  readonly files: CandidateFiles;
  readonly subject: string;
}

function compileOf({ snapshot, model, files, subject, candidate }: Step): PlannedRun {
  const config = snapshot.project.project.models[model];
  const { features, artifact, samplePath } = files;
  if (config === undefined || features === null || artifact === null || samplePath === null) {
    throw new Error("it lacks what its training made");
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

function vetOf({ model, champion, candidate, files, subject }: Step): PlannedRun {
  const spec = {
    model,
    modelPath: existing(files.modelPath),
    goldenPath: files.goldenPath,
    championManifestPath: champion?.manifestPath ?? null,
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
  champion,
  candidate,
  files,
  subject,
}: Step): PlannedRun | null {
  const config = snapshot.project.project.models[model];
  // A model that came by hand is judged on the rows that the champion was judged on.
  const rows = files.evaluationPath === null ? (champion?.files ?? null) : files;
  if (config === undefined || rows?.evaluationPath == null || rows.features === null) return null;
  const spec = {
    model,
    config,
    features: rows.features,
    candidatePath: existing(files.modelPath),
    champion:
      champion === null ? null : { version: champion.version, modelPath: champion.modelPath },
    evaluationPath: rows.evaluationPath,
  };
  return {
    kind: "evaluate",
    subject,
    // The time tells its rounds apart: the champion may change under it more than once.
    key: runKey("evaluate", candidate.id, champion?.version ?? null, candidate.updated_at_ms),
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

/** @throws Error for one that was trained here: it always has rows to be judged on */
function publishUnjudged(step: Step): PlannedRun {
  if (step.candidate.origin !== "incoming") throw new Error("there are no rows to evaluate it on");
  return publishOf(step, "vetted; nothing to evaluate it on");
}

function publishOf(step: Step, reason: string): PlannedRun {
  const { snapshot, model, candidate, files, subject } = step;
  const { config, project } = snapshot;
  const spec = {
    model,
    modelPath: existing(files.modelPath),
    goldenPath: files.goldenPath,
    repository: config.modelRepository,
    wakesServers: config.redisUrl !== null,
    isBreaking: false,
    expectedChampion: expectedChampion(step),
    expectsIndex: snapshot.hasIndex,
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
    key: runKey("publish", candidate.id, candidate.updated_at_ms),
    reason,
    spec,
    inputs: [subject],
  };
}

/** Whom it was held against. Of a model that the project does not name nobody asked. */
function expectedChampion({ snapshot, model, champion, candidate }: Step): number | "none" | "any" {
  if (!snapshot.models.has(model)) return "any";
  if (candidate.stage === "evaluated") return candidate.opponent_version ?? "none";
  return champion?.version ?? "none";
}

function existing(path: string | null): string {
  if (path === null) throw new Error("it has no model file");
  return path;
}
