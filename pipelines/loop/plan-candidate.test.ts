import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CandidateTable } from "../store/tables.ts";
import { plan } from "./plan.ts";
import type { Plan } from "./planned-run.ts";
import type { ModelState } from "./snapshot.ts";
import { makeCandidate, makeChampion, makeModel, makeSnapshot } from "./testing/make-snapshot.ts";

/** Of everything but pulls, which the one feed always asks for. */
function kindsOf({ runs }: Plan): string[] {
  return runs.map((run) => run.kind).filter((kind) => kind !== "pull");
}

describe("planning candidates", () => {
  const step = (
    stage: "trained" | "compiled" | "vetted" | "evaluated",
    model: Partial<ModelState> = {},
  ) =>
    kindsOf(
      plan(
        makeSnapshot({
          models: new Map([
            ["delay", makeModel({ inFlight: [makeCandidate({ stage })], ...model })],
          ]),
        }),
      ),
    );

  it("takes each through compile, vet, evaluate, publish", () => {
    assert.deepEqual(step("trained"), ["compile"]);
    assert.deepEqual(step("compiled"), ["vet"]);
    assert.deepEqual(step("vetted"), ["evaluate"]);
    assert.deepEqual(step("evaluated"), ["publish"]);
  });

  it("judges a model put there by hand on the champion's rows", () => {
    const files = {
      ...JSON.parse(makeCandidate().files_json),
      features: null,
      evaluationPath: null,
    };
    const candidate = makeCandidate({
      origin: "incoming",
      stage: "vetted",
      files_json: JSON.stringify(files),
    });
    assert.deepEqual(step("vetted", { inFlight: [candidate], champion: makeChampion(1) }), [
      "evaluate",
    ]);
    assert.deepEqual(step("vetted", { inFlight: [candidate] }), ["publish"]);
  });

  const candidatePlan = (candidate: CandidateTable, model: Partial<ModelState> = {}) =>
    plan(
      makeSnapshot({
        models: new Map([["delay", makeModel({ inFlight: [candidate], ...model })]]),
      }),
    );

  it("refuses a candidate whose model left the project, whatever its stage", () => {
    for (const stage of ["trained", "compiled", "vetted", "evaluated"] as const) {
      const stranger = makeCandidate({ id: "s", model: "gone", stage });
      const inFlight = [makeCandidate({ stage: "evaluated" })];
      const models = new Map([["delay", makeModel({ inFlight })]]);
      const { refusals, ...rest } = plan(makeSnapshot({ models, strangers: [stranger] }));
      assert.deepEqual(kindsOf({ refusals, ...rest }), ["publish"]);
      const reason = "model 'gone' left the project";
      assert.deepEqual(refusals, [{ candidateId: "s", gate: "project", reason }]);
    }
  });

  it("refuses what is broken, and goes on with the rest", () => {
    const broken = makeCandidate({ id: "b", model: "other", files_json: "{", stage: "vetted" });
    const incoming = { ...broken, origin: "incoming" as const };
    const inFlight = [makeCandidate()];
    const models = new Map([["delay", makeModel({ inFlight })]]);
    const planned = plan(makeSnapshot({ models, strangers: [incoming] }));
    assert.deepEqual(kindsOf(planned), ["compile"]);
    assert.deepEqual(
      planned.refusals.map(({ candidateId, gate }) => [candidateId, gate]),
      [["b", "plan"]],
    );
  });

  it("never publishes what was trained here without an evaluation", () => {
    const files = { ...JSON.parse(makeCandidate().files_json), evaluationPath: null };
    const candidate = makeCandidate({ stage: "vetted", files_json: JSON.stringify(files) });
    const planned = candidatePlan(candidate);
    assert.deepEqual(kindsOf(planned), []);
    assert.match(planned.refusals[0]?.reason ?? "", /no rows to evaluate it on/);
  });

  it("decides nothing by a champion that is not known", () => {
    for (const stage of ["compiled", "vetted", "evaluated"] as const) {
      const planned = candidatePlan(makeCandidate({ stage }), { champion: "unknown" });
      assert.deepEqual(kindsOf(planned), []);
      assert.match(planned.withheld[0]?.reason ?? "", /the champion of 'delay' is not known/);
      assert.deepEqual(planned.refusals, []);
    }
    assert.deepEqual(step("trained", { champion: "unknown" }), ["compile"]);
  });

  it("publishes against the champion that it was held against, or is evaluated again", () => {
    const specs = (candidate: CandidateTable, model: Partial<ModelState>) =>
      candidatePlan(candidate, model).runs.flatMap((run): unknown[] => {
        if (run.kind === "pull") return [];
        return run.kind === "publish" ? [run.spec.expectedChampion] : [run.kind];
      });
    const evaluated = makeCandidate({ stage: "evaluated", opponent_version: 1 });
    assert.deepEqual(specs(evaluated, { champion: makeChampion(1) }), [1]);
    assert.deepEqual(specs(evaluated, { champion: makeChampion(2) }), ["evaluate"]);
    assert.deepEqual(specs(evaluated, { champion: null }), ["evaluate"]);
    const first = makeCandidate({ stage: "evaluated" });
    assert.deepEqual(specs(first, { champion: null }), ["none"]);
  });

  it("gives every round of a candidate a key of its own", () => {
    const keyOf = (stage: "vetted" | "evaluated", updatedMs: number) =>
      candidatePlan(makeCandidate({ stage, updated_at_ms: updatedMs })).runs.find(
        ({ subject }) => subject === "candidate:train-1",
      )?.key;
    assert.notEqual(keyOf("vetted", 1), keyOf("vetted", 2));
    assert.notEqual(keyOf("evaluated", 1), keyOf("evaluated", 2));
    assert.equal(keyOf("evaluated", 2), keyOf("evaluated", 2));
  });

  it("publishes what the project does not know once it is vetted", () => {
    const stranger = makeCandidate({ model: "voice", origin: "incoming", stage: "vetted" });
    assert.deepEqual(kindsOf(plan(makeSnapshot({ strangers: [stranger] }))), ["publish"]);
  });
});
