import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { EvaluateResult } from "../../evaluate/evaluate-spec.ts";
import type { CandidateTable } from "../../store/tables.ts";
import { makeCandidate } from "../testing/make-snapshot.ts";
import { loadedProject, openStoreHome, type StoreHome } from "../testing/store-kit.ts";
import { commitEvaluate, commitPublish } from "./commit-candidate.ts";

const NOW_MS = 1_000_000;
const RUN = { id: "r", subject: "candidate:c", reason: "a test", folder: "/f" };
const PASSED: EvaluateResult = {
  outcome: "passed",
  verdicts: [],
  isRubberStamp: false,
  metric: "auc",
  rows: 10,
  candidate: {},
  champion: {},
  baseline: {},
  change: null,
  slices: [],
};

describe("the steps of a candidate", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
    await at.store
      .insertInto("candidates")
      .values(makeCandidate({ id: "c", stage: "vetted", updated_at_ms: NOW_MS }))
      .execute();
  });
  afterEach(() => at.close());

  const candidate = (): Promise<CandidateTable> =>
    at.store.selectFrom("candidates").selectAll().executeTakeFirstOrThrow();
  const inTransaction = (work: (context: Parameters<typeof commitPublish>[0]) => Promise<void>) =>
    at.store
      .transaction()
      .execute((tx) => work({ tx, project: loadedProject(), home: at.home, nowMs: NOW_MS }));

  it("notes whom it was evaluated against", async () => {
    const champion = { version: 4, modelPath: "/m" };
    const run = { ...RUN, spec: { champion }, result: PASSED } as never;
    await inTransaction((context) => commitEvaluate(context, run));
    const { stage, opponent_version } = await candidate();
    assert.deepEqual([stage, opponent_version], ["evaluated", 4]);
  });

  it("goes back to be evaluated when another became champion meanwhile", async () => {
    await at.store.updateTable("candidates").set({ stage: "evaluated" }).execute();
    const result = { outcome: "championMoved", reason: "found version 5" };
    await inTransaction((context) => commitPublish(context, { ...RUN, spec: {}, result } as never));
    const { stage, version, updated_at_ms } = await candidate();
    assert.deepEqual([stage, version], ["vetted", null]);
    assert.ok(updated_at_ms > NOW_MS, "its next step has another key");
    assert.deepEqual(await at.events(), ["candidate.returned"]);
  });

  it("is published", async () => {
    const result = { outcome: "published", version: 5, generation: 9, replaced: 4 };
    await inTransaction((context) => commitPublish(context, { ...RUN, spec: {}, result } as never));
    const { stage, version } = await candidate();
    assert.deepEqual([stage, version], ["published", 5]);
    assert.deepEqual(await at.events(), ["model.versioned"]);
  });
});
