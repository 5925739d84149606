import type { EvaluateResult } from "../../evaluate/evaluate-spec.ts";
import type { WatchedWindow } from "../../monitors/watched-window.ts";
import type { Problem } from "../../quality/check-spec.ts";
import type { FixtureStore } from "./fixture-store.ts";

const PROBLEM: Problem = {
  column: "amount",
  rule: "mean",
  expected: "at most 50",
  found: "5000 in 100 rows",
};

const EVALUATION: EvaluateResult = {
  outcome: "passed",
  verdicts: [{ gate: "baseline", passed: true, text: "auc 0.81 beats 0.5" }],
  isRubberStamp: true,
  metric: "auc",
  rows: 40,
  candidate: { auc: 0.81 },
  champion: null,
  baseline: { auc: 0.5 },
  change: null,
  slices: [],
};

const REFUSED: EvaluateResult = {
  ...EVALUATION,
  outcome: "refused",
  isRubberStamp: false,
  verdicts: [
    { gate: "baseline", passed: true, text: "auc 0.7 beats 0.5" },
    { gate: "change", passed: false, text: "auc 0.7, the champion has 0.81" },
  ],
  candidate: { auc: 0.7 },
  champion: { auc: 0.81 },
  change: { mean: -0.11, low: -0.15, high: -0.07 },
};

const OBSERVED: WatchedWindow = {
  rows: 1000,
  firstAtMs: 0,
  lastAtMs: 1,
  drift: [
    {
      column: "country",
      kind: "text",
      distance: 0.42,
      adjustedP: 0.0001,
      psi: 1.2,
      hasDrifted: true,
      text: "'NO' is gone",
    },
  ],
  alertColumns: ["country"],
  isDegradationAlert: false,
  performance: null,
};

/**
 * Two batches in, one quarantined, a model trained on the first two and published as version 1, a
 * second candidate refused against it, a window that drifted, predictions of a batch.
 */
export async function fillLife(life: FixtureStore): Promise<void> {
  await fillData(life);
  await fillCandidate(life, "1", "dataset:orders@2");
  await fillPublished(life);
  await fillCandidate(life, "2", "dataset:orders@2");
  await fillRefused(life);
  await fillServing(life);
}

async function fillData(life: FixtureStore): Promise<void> {
  for (const n of [1, 2, 3]) {
    const [batch, out] = [`batch-${n}`, n < 3 ? [`dataset:orders@${n}`] : []];
    await life.run(
      { id: `pull-${n}`, kind: "pull", subject: "feed:orders-db" },
      { in: ["source:orders-db"], out: [`batch:${batch}`] },
    );
    const problems_json = n === 3 ? JSON.stringify([PROBLEM]) : null;
    const status = n === 3 ? "quarantined" : "landed";
    await life.batch({ id: batch, dataset: "orders", run_id: `pull-${n}`, status, problems_json });
    await life.run(
      { id: `check-${n}`, kind: "check", subject: "dataset:orders" },
      { in: [`batch:${batch}`], out },
    );
    if (n === 3) {
      await life.event("batch.quarantined", "batch:batch-3", "check-3", { problems: [PROBLEM] });
      continue;
    }
    await life.insert("dataset_versions", {
      dataset: "orders",
      version: n,
      path: "x",
      rows: 100 * n,
      batch_id: batch,
      run_id: `check-${n}`,
      created_at_ms: n,
    });
    await life.event("batch.landed", `batch:${batch}`, `check-${n}`, { rows: 100 });
  }
}

async function fillCandidate(life: FixtureStore, n: string, dataset: string): Promise<void> {
  const candidate = `candidate:cand-${n}`;
  const params_json = JSON.stringify({ trees: n === "1" ? "200" : "100", seed: "1" });
  await life.run(
    { id: `train-${n}`, kind: "train", subject: "model:churn", params_json },
    { in: [dataset], out: [candidate] },
  );
  for (const [step, value] of [0.7, 0.6, n === "1" ? 0.5 : 0.55].entries()) {
    const metric = { run_id: `train-${n}`, key: "logLoss", step, value, at_ms: step };
    await life.insert("run_metrics", metric);
  }
  for (const kind of ["compile", "vet"]) {
    const [id, reason] = [`${kind}-${n}`, "the next step"];
    const result_json = JSON.stringify(
      kind === "vet"
        ? { outcome: "passed", reason: null, goldenCount: 8, peakRssBytes: 2 ** 20 }
        : {
            outcome: "passed",
            reason: null,
            modelFile: "m",
            goldenFile: "g",
            replay: { rows: 200, maxAbsDifference: 1e-9, tolerance: 1e-6 },
            modelBytes: 4096,
          },
    );
    await life.run({ id, kind, subject: candidate, reason, result_json }, { in: [candidate] });
  }
  const result_json = JSON.stringify(n === "1" ? EVALUATION : REFUSED);
  await life.run(
    { id: `evaluate-${n}`, kind: "evaluate", subject: candidate, result_json },
    { in: n === "1" ? [candidate] : [candidate, "model:churn@1"] },
  );
}

const CANDIDATE = {
  model: "churn",
  origin: "trained",
  source_sha256: null,
  dataset: "orders",
  dataset_version: 2,
  files_json: "{}",
} as const;

async function fillPublished(life: FixtureStore): Promise<void> {
  const result_json = JSON.stringify({
    outcome: "published",
    version: 1,
    generation: 1,
    replaced: null,
  });
  await life.run(
    { id: "publish-1", kind: "publish", subject: "candidate:cand-1", result_json },
    { in: ["candidate:cand-1"], out: ["model:churn@1"] },
  );
  await life.insert("candidates", {
    ...CANDIDATE,
    id: "cand-1",
    stage: "published",
    refused_by: null,
    reason: null,
    train_run_id: "train-1",
    evaluation_json: JSON.stringify(EVALUATION),
    opponent_version: null,
    version: 1,
    created_at_ms: 1,
    updated_at_ms: 2,
  });
  await life.event("model.versioned", "model:churn@1", "publish-1", { version: 1 });
}

async function fillRefused(life: FixtureStore): Promise<void> {
  await life.insert("candidates", {
    ...CANDIDATE,
    id: "cand-2",
    stage: "refused",
    refused_by: "evaluate",
    reason: "auc 0.7, the champion has 0.81",
    train_run_id: "train-2",
    evaluation_json: JSON.stringify(REFUSED),
    opponent_version: null,
    version: null,
    created_at_ms: 3,
    updated_at_ms: 4,
  });
  await life.event("gate.failed", "candidate:cand-2", "evaluate-2", { gate: "evaluate" });
}

async function fillServing(life: FixtureStore): Promise<void> {
  await life.run(
    { id: "collect-1", kind: "collect", subject: "capture:incoming" },
    { out: ["capture:cap-1"] },
  );
  const times = { first_at_ms: 10, last_at_ms: 20, rows: 1000 };
  const of = { model: "churn", version: 1 };
  await life.insert("captures", {
    ...of,
    ...times,
    id: "cap-1",
    path: "x",
    window_id: "win-1",
    run_id: "collect-1",
  });
  await life.run(
    {
      id: "observe-1",
      kind: "observe",
      subject: "model:churn@1",
      result_json: JSON.stringify(OBSERVED),
    },
    { in: ["model:churn@1", "capture:cap-1"], out: ["window:win-1"] },
  );
  await life.insert("windows", {
    ...of,
    ...times,
    id: "win-1",
    number: 1,
    result_json: JSON.stringify(OBSERVED),
    run_id: "observe-1",
    label_seq: 0,
    looked_at_ms: 21,
    created_at_ms: 21,
  });
  await life.event("monitor.alert", "model:churn@1", "observe-1", { columns: ["country"] });
  await life.event("train.triggered", "model:churn", null, { reason: "drift in country" });
  await life.run(
    { id: "score-1", kind: "score", subject: "model:churn@1" },
    { in: ["model:churn@1", "batch:batch-1"], out: ["batch:scored-1"] },
  );
  await life.batch({ id: "scored-1", dataset: "scores", origin: "score:churn", run_id: "score-1" });
  await life.insert("scored", { ...of, batch_id: "batch-1", into_batch_id: "scored-1" });
  await life.run({
    id: "pull-9",
    kind: "pull",
    subject: "feed:orders-db",
    status: "failed",
    result_json: null,
    error: "the database was away",
  });
}
