import { join } from "node:path";
import { DEFAULT_ALIAS } from "../../../protocols/core/names.ts";
import { subjectOf } from "../../store/subject.ts";
import type { CandidateTable } from "../../store/tables.ts";
import { type CandidateFiles, readCandidateFiles } from "../candidate-files.ts";
import { addOutputs, type Commit, type CommitContext, raise } from "./commit.ts";

/** A training makes a candidate; nothing is published yet. */
export const commitTrain: Commit<"train"> = async (
  context,
  { id, spec, result, folder, reason },
) => {
  const files: CandidateFiles = {
    features: result.features,
    artifact: { kind: result.artifact.kind, file: join(folder, result.artifact.file) },
    samplePath: join(folder, result.sampleFile),
    evaluationPath: join(folder, result.evaluationFile),
    referencePath: join(folder, result.referenceFile),
    modelPath: null,
    goldenPath: null,
  };
  await context.tx
    .insertInto("candidates")
    .values({
      id,
      model: spec.model,
      origin: "trained",
      stage: "trained",
      refused_by: null,
      reason,
      train_run_id: id,
      source_sha256: null,
      dataset: spec.dataset.name,
      dataset_version: spec.dataset.version,
      files_json: JSON.stringify(files),
      evaluation_json: null,
      opponent_version: null,
      version: null,
      created_at_ms: context.nowMs,
      updated_at_ms: context.nowMs,
    })
    .execute();
  await context.tx
    .updateTable("runs")
    .set({ params_json: JSON.stringify(result.params) })
    .where("id", "=", id)
    .execute();
  await addOutputs(context, id, [subjectOf.candidate(id)]);
};

export const commitCompile: Commit<"compile"> = async (
  context,
  { id, subject, result, folder },
) => {
  const candidate = await candidateOf(context, subject);
  const path = (file: string | null): string | null => (file === null ? null : join(folder, file));
  const { outcome, reason, replay, modelBytes } = result;
  if (outcome === "refused") {
    return await refuse(context, candidate, id, "replay", reason ?? "the graph answers otherwise", {
      replay,
    });
  }
  const files: CandidateFiles = {
    ...readCandidateFiles(candidate.files_json),
    modelPath: path(result.modelFile),
    goldenPath: path(result.goldenFile),
  };
  await advance(context, candidate, { stage: "compiled", files_json: JSON.stringify(files) });
  await pass(context, candidate, id, "replay", { replay, modelBytes });
};

export const commitVet: Commit<"vet"> = async (context, { id, subject, result }) => {
  const candidate = await candidateOf(context, subject);
  const { outcome, reason, goldenCount, peakRssBytes } = result;
  if (outcome === "refused") {
    return await refuse(context, candidate, id, "vet", reason ?? "refused", { goldenCount });
  }
  await advance(context, candidate, { stage: "vetted" });
  await pass(context, candidate, id, "vet", { goldenCount, peakRssBytes });
};

export const commitEvaluate: Commit<"evaluate"> = async (
  context,
  { id, subject, spec, result },
) => {
  const candidate = await candidateOf(context, subject);
  const files = readCandidateFiles(candidate.files_json);
  // One that came by hand has the rows that it was judged on from here on: without them it would be
  // a champion that scores nothing and that no later one is held against.
  const judgedOn: CandidateFiles = {
    ...files,
    features: files.features ?? spec.features,
    evaluationPath: files.evaluationPath ?? spec.evaluationPath,
  };
  await advance(context, candidate, {
    evaluation_json: JSON.stringify(result),
    files_json: JSON.stringify(judgedOn),
    opponent_version: spec.champion?.version ?? null,
  });
  const { verdicts, isRubberStamp, metric, rows, change } = result;
  const details = { verdicts, isRubberStamp, metric, rows, change };
  if (result.outcome === "refused") {
    const failed = verdicts.filter((verdict) => !verdict.passed).map((verdict) => verdict.text);
    return await refuse(context, candidate, id, "evaluate", failed.join("; "), details);
  }
  await advance(context, candidate, { stage: "evaluated" });
  await pass(context, candidate, id, "evaluate", details);
};

export const commitPublish: Commit<"publish"> = async (context, { id, subject, result }) => {
  const candidate = await candidateOf(context, subject);
  if (result.outcome === "championMoved") {
    await advance(context, candidate, { stage: "vetted" });
    return await raise(context, {
      type: "candidate.returned",
      subject: subjectOf.candidate(candidate.id),
      runId: id,
      details: { model: candidate.model, to: "vetted", reason: result.reason },
    });
  }
  const { version, generation, replaced } = result;
  await advance(context, candidate, { stage: "published", version });
  await addOutputs(context, id, [subjectOf.model(candidate.model, version)]);
  await raise(context, {
    type: "model.versioned",
    subject: subjectOf.model(candidate.model, version),
    runId: id,
    details: {
      candidate: candidate.id,
      origin: candidate.origin,
      alias: DEFAULT_ALIAS,
      generation,
      replaced,
    },
  });
};

/** A step that cannot be done for a reason that will not go away. @param runId null: none was begun */
export async function refuseCandidate(
  context: CommitContext,
  subject: string,
  runId: string | null,
  gate: string,
  reason: string,
): Promise<void> {
  await refuse(context, await candidateOf(context, subject), runId, gate, reason, {});
}

async function candidateOf({ tx }: CommitContext, subject: string): Promise<CandidateTable> {
  return await tx
    .selectFrom("candidates")
    .selectAll()
    .where("id", "=", subject.slice(subjectOf.candidate("").length))
    .executeTakeFirstOrThrow();
}

async function advance(
  { tx, nowMs }: CommitContext,
  candidate: CandidateTable,
  change: Partial<CandidateTable>,
): Promise<void> {
  await tx
    .updateTable("candidates")
    // Grows by every step, whatever the clock does: it goes into the keys of the next.
    .set({ ...change, updated_at_ms: Math.max(nowMs, candidate.updated_at_ms + 1) })
    .where("id", "=", candidate.id)
    .execute();
}

async function pass(
  context: CommitContext,
  candidate: CandidateTable,
  runId: string,
  gate: string,
  evidence: Readonly<Record<string, unknown>>,
): Promise<void> {
  await raise(context, {
    type: "gate.passed",
    subject: subjectOf.candidate(candidate.id),
    runId,
    details: { model: candidate.model, gate, ...evidence },
  });
}

async function refuse(
  context: CommitContext,
  candidate: CandidateTable,
  runId: string | null,
  gate: string,
  reason: string,
  evidence: Readonly<Record<string, unknown>>,
): Promise<void> {
  await advance(context, candidate, { stage: "refused", refused_by: gate, reason });
  await raise(context, {
    type: "gate.failed",
    subject: subjectOf.candidate(candidate.id),
    runId,
    details: { model: candidate.model, gate, reason, ...evidence },
  });
}
