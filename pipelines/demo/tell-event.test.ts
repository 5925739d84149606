import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoreRun } from "./pipelines-client.ts";
import type { Happening } from "./story-facts.ts";
import { tellEvent } from "./tell-event.ts";

interface Said {
  readonly subject?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
}

function happening(type: string, { subject = "s", details = {}, result }: Said): Happening {
  const event = { seq: 1, at: "2026-01-01T00:00:00.000Z", type, subject, runId: "r", details };
  const run: StoreRun | null =
    result === undefined
      ? null
      : { id: "r", kind: "k", subject, reason: "", gitCommit: null, result };
  return { event, run };
}

const PERFORMANCE = {
  metric: "auc",
  coverage: 0.91,
  realised: 0.6123,
  evaluated: 0.7,
  isDegraded: false,
  isAlert: false,
};
const PROBLEM = { column: "distance", rule: "mean", expected: "at most 5", found: "mean 9" };
const DRIFT = { column: "distance", text: "mean 712 -> 1170" };

const TOLD: readonly (readonly [string, string, Said, string | null])[] = [
  ["nothing of what is not known", "audit.rotated", {}, null],
  ["nothing of a job without news", "run.finished", { details: { kind: "vet" } }, null],
  [
    "what was pulled, and what became of columns",
    "run.finished",
    {
      details: { kind: "pull" },
      result: { batch: { rows: 7, treatments: { id: "keep", tail: "hash", contact: "drop" } } },
    },
    "Pulled 7 rows; before the disk: hash tail, drop contact",
  ],
  [
    "nothing of a pull that found nothing",
    "run.finished",
    { details: { kind: "pull" }, result: { batch: null } },
    null,
  ],
  [
    "what was trained",
    "run.finished",
    {
      details: { kind: "train" },
      result: {
        rows: { train: 8, validation: 2, evaluation: 5 },
        metrics: { trees: 3, validation_auc: 0.65432 },
      },
    },
    "Trained 3 trees on 8 rows, AUC 0.654 on the rows it stopped by; 5 rows held back to judge it",
  ],
  [
    "a second look at a window",
    "run.finished",
    {
      subject: "model:m@2",
      details: { kind: "observe", reason: "labels came since the last look" },
      result: { performance: PERFORMANCE },
    },
    "Looked at a window of version 2 again, because labels came: AUC 0.612 realised, 0.7 at evaluation, labels for 91 % of the rows",
  ],
  [
    "nothing of a first look: the window's own event says it",
    "run.finished",
    {
      details: { kind: "observe", reason: "500 captured rows make window 1" },
      result: { performance: PERFORMANCE },
    },
    null,
  ],
  [
    "what failed",
    "run.failed",
    { details: { kind: "train", attempts: 3, error: "too few rows" } },
    "A train job FAILED after 3 attempts: too few rows",
  ],
  [
    "a contract",
    "contract.changed",
    { details: { version: 1, columns: 8, why: "inferred from 3 batches" } },
    "Contract version 1 over 8 columns, because it was inferred from 3 batches",
  ],
  [
    "a changed contract",
    "contract.changed",
    { details: { version: 2, columns: 8, why: "the project file changed" } },
    "Contract version 2 over 8 columns, because the project file changed",
  ],
  [
    "a landed batch",
    "batch.landed",
    { details: { dataset: "departures", rows: 9 } },
    "Checked 9 rows: they keep the contract, so they land",
  ],
  [
    "a quarantined batch, with the rule",
    "batch.quarantined",
    { details: { rows: 9, problems: [PROBLEM, { ...PROBLEM, column: null, rule: "rows" }] } },
    "QUARANTINED 9 rows, because distance breaks the rule 'mean': expected at most 5, found mean 9; the batch breaks the rule 'rows': expected at most 5, found mean 9",
  ],
  [
    "a release",
    "batch.released",
    { details: { rows: 9 } },
    "Released 9 rows from quarantine, because the new contract lets them in",
  ],
  [
    "why a training began",
    "train.triggered",
    { details: { reason: "drift in window 2" } },
    "Training, because of drift in window 2",
  ],
  [
    "why none began",
    "train.withheld",
    { details: { reason: "cool-down" } },
    "Not training: cool-down",
  ],
  [
    "a replay",
    "gate.passed",
    {
      details: {
        gate: "replay",
        modelBytes: 2049,
        replay: { rows: 5, maxAbsDifference: 0, tolerance: 1e-9 },
      },
    },
    "Compiled to 3 KiB of ONNX: replays the trainer's answers on 5 rows (differs by 0, allowed 1e-9)",
  ],
  [
    "a first evaluation",
    "gate.passed",
    {
      details: {
        gate: "evaluate",
        isRubberStamp: true,
        verdicts: [{ gate: "baseline", passed: true, text: "better than 0.5" }],
      },
    },
    "Passed every gate (rubber stamp: no champion yet): better than 0.5",
  ],
  [
    "an evaluation against the champion",
    "gate.passed",
    {
      details: {
        gate: "evaluate",
        isRubberStamp: false,
        verdicts: [
          { gate: "baseline", passed: true, text: "better than 0.5" },
          { gate: "change", passed: true, text: "0.6, version 1 0.4" },
        ],
      },
    },
    "Passed every gate: 0.6, version 1 0.4",
  ],
  [
    "a refusal",
    "gate.failed",
    { details: { gate: "evaluate", reason: "worse" } },
    "REFUSED by the gate 'evaluate': worse",
  ],
  [
    "a version in place of another",
    "model.versioned",
    { subject: "model:m@2", details: { replaced: 1 } },
    "Published m version 2, in place of version 1: servers fetch, vet and load it by themselves",
  ],
  [
    "a quiet window",
    "window.closed",
    { details: { version: 1, number: 4, rows: 500, drifted: [], performance: PERFORMANCE } },
    "Window 4 of version 1 (500 rows): quiet; AUC 0.612 realised, 0.7 at evaluation, labels for 91 % of the rows",
  ],
  [
    "a window without labels",
    "window.closed",
    {
      details: {
        version: 1,
        number: 4,
        rows: 500,
        drifted: ["distance", "origin"],
        performance: { ...PERFORMANCE, coverage: 0.1, realised: null },
      },
    },
    "Window 4 of version 1 (500 rows): drifted in distance, origin; labels for 10 % of the rows, too few to say its AUC",
  ],
  [
    "what drifted, from what to what",
    "monitor.alert",
    { details: { kind: "drift", number: 4, columns: [DRIFT] } },
    "ALERT, drift in window 4: distance (mean 712 -> 1170)",
  ],
  [
    "a degradation",
    "monitor.alert",
    {
      details: {
        kind: "degradation",
        number: 4,
        performance: { ...PERFORMANCE, isDegraded: true },
      },
    },
    "ALERT in window 4: AUC 0.612 realised, 0.7 at evaluation, labels for 91 % of the rows: DEGRADED",
  ],
  [
    "what was scored",
    "predictions.scored",
    { subject: "model:m@2", details: { rows: 9, into: "answers" } },
    "Scored 9 rows with version 2 into 'answers', for the feed",
  ],
];

describe("tellEvent", () => {
  for (const [what, type, said, text] of TOLD) {
    it(`tells ${what}`, () => assert.equal(tellEvent(happening(type, said)), text));
  }
});
