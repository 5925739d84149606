import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoreRun } from "./pipelines-client.ts";
import { addHappening, checkedBatches, NO_FACTS, type StoryFacts } from "./story-facts.ts";

type Step = readonly [
  type: string,
  subject: string,
  details: Readonly<Record<string, unknown>>,
  result?: unknown,
];

function factsOf(steps: readonly Step[]): StoryFacts {
  return steps.reduce((facts, [type, subject, details, result], i) => {
    const event = { seq: i + 1, at: "", type, subject, runId: "r", details };
    const run: StoreRun | null =
      result === undefined
        ? null
        : { id: "r", kind: "", subject, reason: "", gitCommit: "abc", result };
    return addHappening(facts, { event, run });
  }, NO_FACTS);
}

describe("story facts", () => {
  it("follow batches through quarantine and out of it", () => {
    const quarantined: Step = ["batch.quarantined", "batch:b", {}];
    const steps: Step[] = [["batch.landed", "batch:a", { dataset: "departures" }], quarantined];
    // Checked again under a contract that still refuses it.
    const held = factsOf([...steps, quarantined]);
    assert.deepEqual([held.quarantined, checkedBatches(held)], [["batch:b"], 2]);
    const released = factsOf([...steps, ["batch.released", "batch:b", {}]]);
    assert.deepEqual(
      [released.quarantined, released.everQuarantined, released.landed, checkedBatches(released)],
      [[], ["batch:b"], 2, 2],
    );
  });

  it("count predictions' batches as none of the flights'", () => {
    const facts = factsOf([
      ["batch.landed", "batch:a", { dataset: "late-predictions" }],
      ["dataset.versioned", "dataset:late-predictions@4", { rows: 9 }],
      ["dataset.versioned", "dataset:departures@3", { rows: 7 }],
    ]);
    assert.deepEqual([facts.landed, facts.datasetVersion, facts.datasetRows], [0, 3, 7]);
  });

  it("know the flight model's versions, not another's", () => {
    const facts = factsOf([
      ["model.versioned", "model:late-departure@1", {}],
      ["model.versioned", "model:other@9", {}],
      ["model.versioned", "model:late-departure@2", {}],
    ]);
    assert.deepEqual(facts.versions, [1, 2]);
  });

  it("add up pulls with what was treated, and the commit", () => {
    const batch = { rows: 5, treatments: { a: "keep", b: "keep-reviewed", c: "hash", d: "drop" } };
    const pull: Step = ["run.finished", "feed:f", { kind: "pull" }, { batch }];
    const facts = factsOf([pull, pull, ["run.failed", "feed:f", { kind: "pull" }]]);
    assert.deepEqual(
      [facts.pulledRows, facts.pulledBatches, facts.runs, facts.failedRuns, facts.gitCommit],
      [10, 2, 3, 1, "abc"],
    );
    assert.deepEqual(facts.treated, ["c hashed", "d dropped"]);
  });

  it("tell drift alerts from degradation", () => {
    const facts = factsOf([
      ["monitor.alert", "model:m@1", { kind: "degradation", number: 1 }],
      ["monitor.alert", "model:m@1", { kind: "drift", number: 2, columns: [{ column: "x" }] }],
    ]);
    assert.deepEqual(
      facts.alerts.map(({ version, number, columns }) => [version, number, columns.length]),
      [[1, 2, 1]],
    );
  });

  it("keep the last realised metric when a later window has too few labels", () => {
    const look = (realised: number | null): Step => [
      "run.finished",
      "model:m@1",
      { kind: "observe" },
      { performance: { realised } },
    ];
    assert.equal(factsOf([look(0.6), look(null)]).performance?.realised, 0.6);
  });
});
