import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NO_DRIFT_WATCH } from "../monitors/no-drift-watch.ts";
import { plan } from "./plan.ts";
import { runKey } from "./run-key.ts";
import type { Champion, ModelState, Snapshot } from "./snapshot.ts";
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
  const pulls = (snapshot: Snapshot) => plan(snapshot).runs.filter((run) => run.kind === "pull");
  const after = (secs: number, change = {}) =>
    makeSnapshot({ feeds: new Map([["orders", feedRow(NOW_MS - secs * 1000, change)]]) });

  it("pulls at first, then when the time has passed, at once while more waits, and when asked", () => {
    assert.match(pulls(makeSnapshot())[0]?.reason ?? "", /first pull/);
    assert.equal(pulls(after(59)).length, 0);
    assert.equal(pulls(after(60)).length, 1);
    assert.equal(pulls(after(1, { has_more: 1 })).length, 1);
    const askedPulls = new Map([["orders", "n1"]]);
    const [asked] = pulls({ ...after(1), askedPulls });
    assert.deepEqual([asked?.reason, asked?.nonce], ["asked for", "n1"]);
  });

  it("pulls when the clock was set back", () => {
    assert.equal(pulls(after(-1_000_000)).length, 1);
  });

  it("gives what was asked for a key of its own, so that it waits behind no failure", () => {
    const [due] = pulls(after(100));
    const [asked] = pulls({ ...after(100), askedPulls: new Map([["orders", "n1"]]) });
    const [again] = pulls({ ...after(100), askedPulls: new Map([["orders", "n2"]]) });
    assert.equal(new Set([due?.key, asked?.key, again?.key]).size, 3);
  });

  it("keeps what was asked for while a pull runs for after it, and says so", () => {
    const active = [{ kind: "pull", subject: "feed:orders", key: "x" }];
    const { runs, withheld } = plan(
      makeSnapshot({ active, askedPulls: new Map([["orders", "n1"]]) }),
    );
    assert.deepEqual(runs, []);
    assert.deepEqual(withheld, [
      {
        subject: "feed:orders",
        reason: "asked for: it begins when the pull before it has ended",
      },
    ]);
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
    assert.equal(pulls(at(NOW_MS + 1)).length, 1);
  });

  it("never twice at a time, never while held, never with many batches waiting", () => {
    const active = [{ kind: "pull", subject: "feed:orders", key: "x" }];
    assert.equal(pulls(makeSnapshot({ active })).length, 0);
    const held = { held: "personal data", held_config_sha256: "p1" };
    assert.equal(pulls(after(100, held)).length, 0);
    assert.match(plan(after(100, held)).withheld[0]?.reason ?? "", /personal data/);
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
    const { runs } = plan(makeSnapshot({ datasets: new Map([["orders", makeDataset(state)]]) }));
    return runs.flatMap((run) => (run.kind === "check" ? [run.spec.batch.id] : []));
  };

  it("takes the oldest batch, one at a time", () => {
    assert.deepEqual(checked({ pulled: [makeBatch("a"), makeBatch("b")] }), ["a"]);
  });

  it("takes a quarantined batch that other rules may release first", () => {
    const releasable = [makeBatch("q", { status: "quarantined", checked_contract: 1 })];
    const pulled = [makeBatch("a")];
    assert.deepEqual(checked({ pulled, contract: CONTRACT, releasable }), ["q"]);
    assert.deepEqual(checked({ pulled, contract: CONTRACT }), ["a"]);
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
    );
    const run = runs.find((each) => each.kind === "train");
    return run?.reason ?? `not: ${withheld.find((each) => each.subject === "model:delay")?.reason}`;
  };
  const trained = (agoMs: number, change = {}) => ({
    lastStartedMs: NOW_MS - agoMs,
    lastDatasetVersion: 1,
    lastDatasetRows: 300,
    startedWithinDay: 1,
    hasPublished: true,
    failedInRow: 0,
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

  it("waits while other rules may release batches", () => {
    const releasable = [makeBatch("q", { status: "quarantined" })];
    const decided = (change: object) =>
      decide({}, 500, { datasets: new Map([["orders", { ...withRows(500, 2), ...change }]]) });
    assert.equal(decided({ releasable }), "not: undefined");
    assert.match(decided({}), /^first model/);
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
    const state = { champion, training: trained(0), windows: [drifted] };
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

  it("tries again with new data when the first model was refused", () => {
    const refused = { hasPublished: false, refusedInRow: 1 };
    assert.equal(decide({ training: trained(2 * HOUR_MS, refused) }), "no version serves yet");
    for (const [training, pattern] of [
      [trained(HOUR_MS / 2, refused), /cool-down is 3600 s/],
      [trained(2 * HOUR_MS, { ...refused, lastDatasetVersion: 2 }), /no new data/],
      [trained(2 * HOUR_MS, { ...refused, startedWithinDay: 4 }), /at most 4/],
      [trained(2 * HOUR_MS, { ...refused, refusedInRow: 3 }), /somebody must look/],
    ] as const) {
      const reason = decide({ training });
      assert.match(reason, /^not: no version serves yet; withheld: /);
      assert.match(reason, pattern);
    }
    assert.match(decide({ training: trained(2 * HOUR_MS, refused) }, 50), /fewer than the 100/);
  });

  it("leaves alone what was removed, and what it does not know the champion of", () => {
    const training = trained(2 * HOUR_MS);
    assert.equal(decide({ training }), "not: undefined");
    const unknown = {
      champion: "unknown",
      training: { ...training, hasPublished: false },
    } as const;
    assert.equal(decide(unknown), "not: undefined");
  });

  it("waits longer after every training that failed", () => {
    const unless = { coolDownSecs: 0, maxPerDay: 100, maxRefused: 3 };
    const rules = [{ when: { newRows: 100 }, do: "train" as const, model: "delay", unless }];
    const project = { project: makeProject({ rules }), file: "", folder: "", sha256: "p" };
    const failed = (agoSecs: number, failedInRow: number, nonce: string | null = null) => {
      const training = trained(agoSecs * 1000, { failedInRow });
      return decide({ champion, training, forced: nonce }, 500, { project });
    };
    assert.match(failed(79, 3), /^not: 200 new rows.*3 trainings in a row failed; .* 80 s/);
    assert.match(failed(80, 3), /^200 new rows/);
    assert.match(failed(3599, 30), /next try is 3600 s/);
    assert.equal(failed(1, 30, "n"), "asked for");
  });

  it("goes on when the clock was set back", () => {
    const state = { champion, training: trained(-HOUR_MS), windows: [drifted] };
    assert.match(decide(state), /^drift in window 3/);
  });

  it("waits while a candidate is on its way", () => {
    assert.equal(decide({ inFlight: [makeCandidate()] }), "not: undefined");
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
  const observed = (model: Partial<ModelState>) => {
    const models = new Map([["delay", makeModel({ champion, ...model })]]);
    const { runs } = plan(makeSnapshot({ models }));
    return runs.flatMap((run) => (run.kind === "observe" ? [run.reason] : []));
  };

  it("says that the drift of a champion from elsewhere is not watched, and looks at its windows", () => {
    const files = { ...makeChampion(1).files, referencePath: null } as Champion["files"];
    for (const foreign of [
      { ...champion, files },
      { ...champion, candidate: null, files: null },
    ]) {
      const models = new Map([["delay", makeModel({ champion: foreign })]]);
      const { withheld } = plan(makeSnapshot({ models }));
      assert.deepEqual(
        withheld.filter(({ subject }) => subject === "model:delay@1"),
        [{ subject: "model:delay@1", reason: NO_DRIFT_WATCH }],
      );
      const due = { champion: foreign, unwindowed: [capture("a", 200)] };
      assert.equal(observed(due).length, 1);
    }
    assert.ok(!JSON.stringify(plan(makeSnapshot()).withheld).includes(NO_DRIFT_WATCH));
    const models = new Map([["delay", makeModel({ champion })]]);
    assert.ok(!JSON.stringify(plan(makeSnapshot({ models })).withheld).includes(NO_DRIFT_WATCH));
  });

  it("closes a window when it is full, by whole files", () => {
    assert.deepEqual(observed({ unwindowed: [capture("a", 199)] }), []);
    assert.deepEqual(
      observed({ unwindowed: [capture("a", 150), capture("b", 60), capture("c", 60)] }),
      ["210 captured rows make window 1"],
    );
  });

  it("looks again at a late window when no new one is full", () => {
    const lateWindow = { number: 4, captures: [capture("a", 200, "window-4")] };
    assert.deepEqual(observed({ lateWindow }), ["labels came since the last look"]);
    assert.deepEqual(observed({ lateWindow, unwindowed: [capture("b", 200)] }), [
      "200 captured rows make window 1",
    ]);
  });
});

describe("the key of a run", () => {
  it("does not depend on the order of object keys, and does on everything else", () => {
    assert.equal(runKey({ a: 1, b: [1, 2] }), runKey({ b: [1, 2], a: 1 }));
    assert.notEqual(runKey({ a: 1, b: [1, 2] }), runKey({ a: 1, b: [2, 1] }));
    assert.notEqual(runKey("a", null), runKey("a"));
  });
});
