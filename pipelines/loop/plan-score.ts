import { subjectOf } from "../store/subject.ts";
import { knownChampion } from "./known-champion.ts";
import type { PlannedRun } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { BatchRow, Snapshot, UnscoredBatch } from "./snapshot.ts";

/** Of one score job: bounded, so that a late start catches up in steps. A larger batch goes alone. */
const MAX_BATCHES = 20;
const MAX_ROWS = 200_000;

/** Predictions of the champion for rows that have none yet. */
export function planScores(snapshot: Snapshot): PlannedRun[] {
  const planned: PlannedRun[] = [];
  for (const [model, config] of Object.entries(snapshot.project.project.models)) {
    const state = snapshot.models.get(model);
    const champion = knownChampion(state);
    const features = champion?.files?.features ?? null;
    if (config.score === undefined || state === undefined || champion === null) continue;
    const subject = subjectOf.model(model, champion.version);
    const isActive = snapshot.active.some(
      (run) => run.kind === "score" && run.subject.startsWith(`${subjectOf.model(model)}@`),
    );
    const batches = nextBatches(state.unscored);
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
        champion.version,
        batches.map((batch) => batch.id),
      ),
      reason: `${rows} rows of '${config.dataset}' without a prediction`,
      spec,
      inputs: [subject, ...batches.map((batch) => subjectOf.batch(batch.id))],
    });
  }
  return planned;
}

/** What failed goes alone, so that it holds up no other; the rest by the dozen. */
function nextBatches([first, ...others]: readonly UnscoredBatch[]): UnscoredBatch[] {
  if (first === undefined) return [];
  const batches = [first];
  let { rows } = first;
  for (const batch of first.failures > 0 ? [] : others) {
    rows += batch.rows;
    if (batch.failures > 0 || batches.length >= MAX_BATCHES || rows > MAX_ROWS) break;
    batches.push(batch);
  }
  return batches;
}

export function fileOf(batch: Pick<BatchRow, "id" | "path" | "sha256" | "bytes" | "rows">): {
  path: string;
  sha256: string;
  bytes: number;
  rows: number;
  batchId: string;
} {
  const { path, sha256, bytes, rows, id } = batch;
  return { path, sha256, bytes, rows, batchId: id };
}
