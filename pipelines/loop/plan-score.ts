import { subjectOf } from "../store/subject.ts";
import type { PlannedRun } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { BatchRow, Snapshot } from "./snapshot.ts";

/** Batches of one score job: bounded, so that a late start catches up in steps. */
const MAX_BATCHES = 20;

/** Predictions of the champion for rows that have none yet. */
export function planScores(snapshot: Snapshot): PlannedRun[] {
  const planned: PlannedRun[] = [];
  for (const [model, config] of Object.entries(snapshot.project.project.models)) {
    const state = snapshot.models.get(model);
    const champion = state?.champion ?? null;
    const features = champion?.files?.features ?? null;
    if (config.score === undefined || state === undefined || champion === null) continue;
    const subject = subjectOf.model(model, champion.version);
    const isActive = snapshot.active.some(
      (run) => run.kind === "score" && run.subject.startsWith(`${subjectOf.model(model)}@`),
    );
    const batches = state.unscored.slice(0, MAX_BATCHES);
    if (isActive || features === null || batches.length === 0) continue;
    const dataset = snapshot.project.project.datasets[config.dataset] ?? {};
    const spec = {
      model,
      version: champion.version,
      task: config.task,
      features,
      modelPath: champion.modelPath,
      files: batches.map(fileOf),
      keep: config.score.keep ?? [
        ...(dataset.key ?? []),
        ...(dataset.time === undefined ? [] : [dataset.time]),
      ],
    };
    const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
    planned.push({
      kind: "score",
      subject,
      key: runKey(
        "score",
        model,
        batches.map((batch) => batch.id),
      ),
      reason: `${rows} rows of '${config.dataset}' without a prediction`,
      spec,
      inputs: [subject, ...batches.map((batch) => subjectOf.batch(batch.id))],
    });
  }
  return planned;
}

export function fileOf(batch: BatchRow): {
  path: string;
  sha256: string;
  bytes: number;
  rows: number;
  batchId: string;
} {
  const { path, sha256, bytes, rows, id } = batch;
  return { path, sha256, bytes, rows, batchId: id };
}
