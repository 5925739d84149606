import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { plan } from "./plan.ts";
import type { Plan } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { ModelState, Snapshot } from "./snapshot.ts";
import {
  FEED,
  makeBatch,
  makeCandidate,
  makeChampion,
  makeDataset,
  makeModel,
  makeProject,
  makeSnapshot,
  makeWindow,
  NOW_MS,
  withRows,
} from "./testing/make-snapshot.ts";

/** Of everything but pulls, which the one feed always asks for. */
function kindsOf({ runs }: Plan): string[] {
  return runs.map((run) => run.kind).filter((kind) => kind !== "pull");
}

const feedRow = (lastPullMs: number | null, change = {}) => ({
  name: "orders",
  cursor: null,
  seen_path: null,
  last_pull_ms: lastPullMs,
  has_more: 0,
  held: null,
  held_config_sha256: null,
  ...change,
});

describe("planning pulls", () => {
  const pulls = (snapshot: Snapshot, forced: string | null = null) =>
    plan(snapshot, forced).runs.filter((run) => run.kind === "pull");
  const after = (secs: number, change = {}) =>
    makeSnapshot({ feeds: new Map([["orders", feedRow(NOW_MS - secs * 1000, change)]]) });

  it("pulls at first, then when the time has passed, at once while more waits, and when asked", () => {
    assert.match(pulls(makeSnapshot())[0]?.reason ?? "", /first pull/);
    assert.equal(pulls(after(59)).length, 0);
    assert.equal(pulls(after(60)).length, 1);
    assert.equal(pulls(after(1, { has_more: 1 })).length, 1);
    assert.equal(pulls(after(1), "orders")[0]?.reason, "asked for");
  });

  it("goes by cron in UTC", () => {
    const cron = { ...FEED, everySecs: undefined, cron: "0 12 * * *" };
    const { everySecs: _, ...feed } = cron;
    const project = makeProject({ feeds: { orders: feed } });
    const at = (lastMs: number) =>
      makeSnapshot({
        project: { project, file: "", folder: "", sha256: "p1" },
        feeds: new Map([["orders", feedRow(lastMs)]]),
      });
    assert.equal(pulls(at(NOW_MS - 1000)).length, 1);
    assert.equal(pulls(at(NOW_MS)).length, 0);
  });

  it("never twice at a time, never while held, never with many batches waiting", () => {
    const active = [{ kind: "pull", subject: "feed:orders", key: "x" }];
    assert.equal(pulls(makeSnapshot({ active })).length, 0);
    const held = { held: "personal data", held_config_sha256: "p1" };
    assert.equal(pulls(after(100, held)).length, 0);
    assert.match(plan(after(100, held), null).withheld[0]?.reason ?? "", /personal data/);
    assert.equal(pulls(after(100, { ...held, held_config_sha256: "p0" })).length, 1);
    const pulled = Array.from({ length: 20 }, (_, i) => makeBatch(`b${i}`));
    const waiting = makeSnapshot({ datasets: new Map([["orders", makeDataset({ pulled })]]) });
    assert.equal(pulls(waiting).length, 0);
  });
});

const CONTRACT = {
  dataset: "orders",
  version: 2,
  inferred_json: "{}",
  effective_json: JSON.stringify({ version: 2, columns: {}, minRows: null }),
  overrides_sha256: "",
  created_at_ms: 0,
};

describe("planning checks", () => {
  const checked = (state: Parameters<typeof makeDataset>[0]) => {
    const { runs } = plan(
      makeSnapshot({ datasets: new Map([["orders", makeDataset(state)]]) }),
      null,
    );
    return runs.flatMap((run) => (run.kind === "check" ? [run.spec.batch.id] : []));
  };

  it("takes the oldest batch, one at a time", () => {
    assert.deepEqual(checked({ pulled: [makeBatch("a"), makeBatch("b")] }), ["a"]);
  });

  it("takes a quarantined batch again only when the contract changed", () => {
    const quarantined = (version: number) => [
      makeBatch("q", { status: "quarantined", checked_contract: version }),
    ];
    const pulled = [makeBatch("a")];
    assert.deepEqual(checked({ pulled, contract: CONTRACT, quarantined: quarantined(1) }), ["q"]);
    assert.deepEqual(checked({ pulled, contract: CONTRACT, quarantined: quarantined(2) }), ["a"]);
  });
});

describe("planning trainings", () => {
  const DRIFT = {
    column: "distance",
    kind: "number" as const,
    distance: 0.5,
    adjustedP: 0,
    psi: 1,
    hasDrifted: true,
    text: "mean 700 -> 1100",
  };
  const drifted = makeWindow(3, { drift: [DRIFT], alertColumns: ["distance"] });
  const HOUR_MS = 3_600_000;
  const decide = (model: Partial<ModelState>, rows = 500, change: Partial<Snapshot> = {}) => {
    const { runs, withheld } = plan(
      makeSnapshot({
        datasets: new Map([["orders", withRows(rows, 2)]]),
        models: new Map([["delay", makeModel(model)]]),
        ...change,
      }),
      null,
    );
    const run = runs.find((each) => each.kind === "train");
    return run?.reason ?? `not: ${withheld.find((each) => each.subject === "model:delay")?.reason}`;
  };
  const trained = (agoMs: number, change = {}) => ({
    lastStartedMs: NOW_MS - agoMs,
    lastDatasetVersion: 1,
    lastDatasetRows: 300,
    startedWithinDay: 1,
    refusedInRow: 0,
    ...change,
  });
  const champion = makeChampion(1);

  it("trains the first model when there are rows enough", () => {
    assert.match(decide({}), /^first model: 500 rows/);
    assert.match(decide({}, 50), /^not: .*50 rows, fewer than the 100 of minRows/);
  });

  it("trains on drift, and says what drifted", () => {
    const state = { champion, training: trained(2 * HOUR_MS), windows: [drifted] };
    assert.match(decide(state), /^drift in window 3 of version 1: distance \(mean 700 -> 1100\)/);
  });

  it("does not answer drift with data from before it", () => {
    const state = { champion, training: trained(2 * HOUR_MS), windows: [drifted] };
    const old = makeBatch("a", { status: "landed", created_at_ms: NOW_MS - HOUR_MS });
    const datasets = new Map([["orders", { ...withRows(500, 2), landed: [old] }]]);
    assert.match(decide(state, 500, { datasets }), /^not: drift.*no data since the drift began/);
  });

  it("waits while a new contract may release batches", () => {
    const dataset = { ...withRows(500, 2), contract: CONTRACT };
    const quarantined = (version: number) => [
      makeBatch("q", { status: "quarantined", checked_contract: version }),
    ];
    const decided = (version: number) =>
      decide({}, 500, {
        datasets: new Map([["orders", { ...dataset, quarantined: quarantined(version) }]]),
      });
    assert.equal(decided(1), "not: undefined");
    assert.match(decided(2), /^first model/);
  });

  it("trains on degradation before drift", () => {
    const performance = {
      metric: "auc" as const,
      coverage: 0.9,
      realised: 0.6,
      evaluated: 0.7,
      isDegraded: true,
    };
    const alerts = { alertColumns: ["distance"], isDegradationAlert: true };
    const window = makeWindow(3, { drift: [DRIFT], ...alerts, performance });
    const state = { champion, training: trained(2 * HOUR_MS), windows: [window] };
    assert.match(decide(state), /^degradation in window 3 of version 1: auc 0\.6000, 0\.7000/);
  });

  it("forgets alerts from before the last training", () => {
    const state = { champion, training: trained(-1), windows: [drifted] };
    assert.equal(decide(state), "not: undefined");
  });

  for (const [what, training, pattern] of [
    ["cools down", trained(HOUR_MS / 2), /cool-down is 3600 s/],
    ["keeps to the daily cap", trained(2 * HOUR_MS, { startedWithinDay: 4 }), /at most 4/],
    ["stops after refusals", trained(2 * HOUR_MS, { refusedInRow: 3 }), /somebody must look/],
    ["wants new data", trained(2 * HOUR_MS, { lastDatasetVersion: 2 }), /no new data/],
  ] as const) {
    it(what, () => {
      const reason = decide({ champion, training, windows: [drifted] });
      assert.match(reason, /^not: drift/);
      assert.match(reason, pattern);
    });
  }

  it("goes by the project's own rules where there are any", () => {
    const unless = { coolDownSecs: 0, maxPerDay: 10, maxRefused: 3 };
    const rules = [{ when: { newRows: 200 }, do: "train" as const, model: "delay", unless }];
    const project = { project: makeProject({ rules }), file: "", folder: "", sha256: "p" };
    const state = { champion, training: trained(1000), windows: [drifted] };
    assert.match(decide(state, 500, { project }), /^200 new rows since the last training/);
    assert.equal(decide(state, 499, { project }), "not: undefined");
  });

  it("trains when somebody asks, whatever the rules say", () => {
    assert.equal(decide({ champion, training: trained(1000), forced: "x" }), "asked for");
  });

  it("waits while a candidate is on its way", () => {
    assert.equal(decide({ inFlight: [makeCandidate()] }), "not: undefined");
  });
});

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
        null,
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

  it("publishes what the project does not know once it is vetted", () => {
    const stranger = makeCandidate({ model: "voice", origin: "incoming", stage: "vetted" });
    assert.deepEqual(kindsOf(plan(makeSnapshot({ strangers: [stranger] }), null)), ["publish"]);
  });
});

describe("planning windows", () => {
  const capture = (id: string, rows: number, windowId: string | null = null) => ({
    id,
    model: "delay",
    version: 1,
    path: `/h/${id}.parquet`,
    rows,
    first_at_ms: NOW_MS,
    last_at_ms: NOW_MS,
    window_id: windowId,
    run_id: "r",
  });
  const champion = makeChampion(1);
  const labelFile = { id: "l", tier: 0, path: "/h/l.parquet", rows: 10, created_at_ms: NOW_MS };
  const labelFiles = [{ ...labelFile, seq: 1 }];
  const observed = (model: Partial<ModelState>, change: Partial<Snapshot> = {}) => {
    const { runs } = plan(
      makeSnapshot({ models: new Map([["delay", makeModel({ champion, ...model })]]), ...change }),
      null,
    );
    return runs.flatMap((run) => (run.kind === "observe" ? [run.reason] : []));
  };

  it("closes a window when it is full, by whole files", () => {
    assert.deepEqual(observed({ unwindowed: [capture("a", 199)] }), []);
    assert.deepEqual(
      observed({ unwindowed: [capture("a", 150), capture("b", 60), capture("c", 60)] }),
      ["210 captured rows make window 1"],
    );
  });

  it("looks again when labels came, until there are enough", () => {
    const performance = {
      metric: "auc" as const,
      realised: null,
      evaluated: 0.7,
      isDegraded: false,
    };
    const withCoverage = (coverage: number) => ({
      windows: [makeWindow(1, { performance: { ...performance, coverage } })],
      windowCaptures: new Map([["window-1", [capture("a", 200, "window-1")]]]),
    });
    assert.deepEqual(observed(withCoverage(0.5), { labelFiles }), [
      "labels came since the last look",
    ]);
    assert.deepEqual(observed(withCoverage(0.9), { labelFiles }), []);
    assert.deepEqual(observed(withCoverage(0.5)), []);
  });
});

describe("the key of a run", () => {
  it("does not depend on the order of object keys, and does on everything else", () => {
    assert.equal(runKey({ a: 1, b: [1, 2] }), runKey({ b: [1, 2], a: 1 }));
    assert.notEqual(runKey({ a: 1, b: [1, 2] }), runKey({ a: 1, b: [2, 1] }));
    assert.notEqual(runKey("a", null), runKey("a"));
  });
});
