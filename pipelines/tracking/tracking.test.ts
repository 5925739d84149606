import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { makeCandidate } from "../loop/testing/make-snapshot.ts";
import { compareRuns } from "./compare-runs.ts";
import { explain } from "./explain.ts";
import { findSubject } from "./find-subject.ts";
import { lineageOf } from "./lineage.ts";
import type { LineageGraph } from "./lineage-graph.ts";
import { listRuns, type RunFilter } from "./list-runs.ts";
import { showRun } from "./show-run.ts";
import { fillLife } from "./testing/fixture-life.ts";
import { type FixtureStore, openFixtureStore } from "./testing/fixture-store.ts";
import { toMermaid } from "./to-mermaid.ts";

let life: FixtureStore;
before(async () => {
  life = await openFixtureStore();
  await fillLife(life);
});
after(() => life.close());

const ALL = { kind: null, subject: null, status: null, limit: 100 };

describe("the list of runs", () => {
  it("is newest first, and as long as asked for", async () => {
    const runs = await listRuns(life.store, { ...ALL, limit: 2 });
    assert.deepEqual(
      runs.map(({ id }) => id),
      ["pull-9", "score-1"],
    );
  });

  it("holds a kind, a status or a subject with its versions", async () => {
    const idsOf = async (filter: Partial<RunFilter>) =>
      (await listRuns(life.store, { ...ALL, ...filter })).map(({ id }) => id);
    assert.deepEqual(await idsOf({ kind: "train" }), ["train-2", "train-1"]);
    assert.deepEqual(await idsOf({ status: "failed" }), ["pull-9"]);
    assert.deepEqual(await idsOf({ subject: "model:churn" }), [
      "score-1",
      "observe-1",
      "train-2",
      "train-1",
    ]);
    assert.deepEqual(await idsOf({ subject: "model:chur" }), []);
  });
});

describe("a run", () => {
  it("is shown with what went in, came out and was measured last", async () => {
    const run = await showRun(life.store, "train-1");
    assert.deepEqual(run.params, { trees: "200", seed: "1" });
    assert.deepEqual(run.metrics, { logLoss: 0.5 });
    assert.deepEqual(run.inputs, ["dataset:orders@2"]);
    assert.deepEqual(run.outputs, ["candidate:cand-1"]);
    assert.deepEqual(run.code, {
      gitCommit: "c0ffee",
      gitDirty: false,
      lockfileSha256: "10c",
      configSha256: "c0f",
    });
  });

  it("is found by a beginning that only it has", async () => {
    assert.equal((await showRun(life.store, "publ")).id, "publish-1");
    await assert.rejects(showRun(life.store, "pull"), /'pull', which pull-1, pull-2, pull-3 and/);
    await assert.rejects(showRun(life.store, "none"), /expected the id of a run, came 'none'/);
    await assert.rejects(showRun(life.store, ""), /expected the id of a run, came ''/);
  });

  it("stands beside another, with what differs marked", async () => {
    const { runs, sections } = await compareRuns(life.store, ["train-1", "train-2"]);
    assert.deepEqual(runs, ["train-1", "train-2"]);
    const rowsOf = (title: string) => sections.find((each) => each.title === title)?.rows;
    assert.deepEqual(rowsOf("params"), [
      { name: "trees", values: ["200", "100"], differs: true },
      { name: "seed", values: ["1", "1"], differs: false },
    ]);
    assert.deepEqual(rowsOf("metrics"), [{ name: "logLoss", values: [0.5, 0.55], differs: true }]);
    assert.deepEqual(rowsOf("inputs"), [
      { name: "dataset:orders", values: ["@2", "@2"], differs: false },
    ]);
    assert.equal(rowsOf("code")?.find(({ name }) => name === "gitCommit")?.differs, false);
  });
});

describe("what a person means", () => {
  it("is an id, its beginning, a name, or NAME@N", async () => {
    const { store } = life;
    assert.equal(await findSubject(store, "cand-2"), "candidate:cand-2");
    assert.equal(await findSubject(store, "win"), "window:win-1");
    assert.equal(await findSubject(store, "churn"), "model:churn");
    assert.equal(await findSubject(store, "churn@1"), "model:churn@1");
    assert.equal(await findSubject(store, "orders@2"), "dataset:orders@2");
    assert.equal(await findSubject(store, "orders"), "dataset:orders");
    assert.equal(await findSubject(store, "batch:batch-1"), "batch:batch-1");
    assert.equal(await findSubject(store, "source:orders-db"), "source:orders-db");
    assert.equal(await findSubject(store, "run:pull-1"), "run:pull-1");
  });

  it("is what a run made rather than the run, and the dataset rather than its feed", async () => {
    const own = await openFixtureStore();
    const { store } = own;
    await own.run({ id: "pull-a1", kind: "pull", subject: "feed:orders" });
    await own.batch({ id: "pull-a1", dataset: "orders", run_id: "pull-a1" });
    const feed = { name: "orders", cursor: null, seen_path: null, last_pull_ms: 1, has_more: 0 };
    await own.insert("feeds", { ...feed, held: null, held_config_sha256: null });
    assert.equal(await findSubject(store, "pull-a1"), "batch:pull-a1");
    assert.equal(await findSubject(store, "pull-"), "batch:pull-a1");
    assert.equal(await findSubject(store, "run:pull-a1"), "run:pull-a1");
    assert.equal(await findSubject(store, "orders"), "dataset:orders");
    assert.equal(await findSubject(store, "feed:orders"), "feed:orders");
    await own.run({ id: "pull-a2", kind: "pull", subject: "feed:orders" });
    await assert.rejects(findSubject(store, "pull-"), /which may be batch:pull-a1, run:pull-a1/);
    await own.close();
  });

  it("is refused where it is nothing, or several things", async () => {
    const { store } = life;
    await assert.rejects(findSubject(store, "orders@9"), /came 'orders@9'/);
    await assert.rejects(findSubject(store, "model:nope@1"), /expected a model .*'model:nope@1'/);
    await assert.rejects(findSubject(store, "batch-"), /which may be batch:batch-1, batch:batch-2/);
    await assert.rejects(findSubject(store, ""), /came ''/);
  });
});

function pathFrom(graph: LineageGraph, from: string, to: string): readonly string[] {
  const waiting: string[][] = [[from]];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const at = path.at(-1) ?? "";
    if (at === to) return path;
    for (const edge of graph.edges) {
      if (edge.from === at && !path.includes(edge.to)) waiting.push([...path, edge.to]);
    }
  }
  return [];
}

function assertNoCircle(graph: LineageGraph): void {
  const left = new Set(graph.nodes.map(({ id }) => id));
  for (let isShrinking = true; isShrinking; ) {
    isShrinking = false;
    for (const id of left) {
      if (graph.edges.some((edge) => edge.to === id && left.has(edge.from))) continue;
      left.delete(id);
      isShrinking = true;
    }
  }
  assert.deepEqual([...left], []);
}

describe("lineage", () => {
  it("leads from a model version through every gate to its batches, pulls and feed", async () => {
    const graph = await lineageOf(life.store, "model:churn@1");
    assert.deepEqual(pathFrom(graph, "source:orders-db", "run:pull-1"), [
      "source:orders-db",
      "feed:orders-db",
      "run:pull-1",
    ]);
    assert.deepEqual(pathFrom(graph, "run:pull-1", "model:churn@1"), [
      "run:pull-1",
      "batch:batch-1",
      "run:check-1",
      "dataset:orders@2",
      "run:train-1",
      "candidate:cand-1",
      "run:compile-1",
      "run:vet-1",
      "run:evaluate-1",
      "run:publish-1",
      "model:churn@1",
    ]);
    const ids = graph.nodes.map(({ id }) => id);
    assert.ok(ids.includes("batch:batch-2"), "a version holds the batches before it");
    assert.ok(!ids.includes("batch:batch-3"), "quarantined");
    assert.ok(ids.includes("feed:orders-db"));
    assertNoCircle(graph);
  });

  it("shows the champion that a candidate was compared with, and stops there", async () => {
    const graph = await lineageOf(life.store, "candidate:cand-2");
    const ids = graph.nodes.map(({ id }) => id);
    assert.ok(ids.includes("model:churn@1"));
    assert.ok(!ids.includes("run:publish-1"));
    assert.ok(ids.includes("run:train-2"));
    assert.ok(pathFrom(graph, "run:train-2", "candidate:cand-2").includes("run:evaluate-2"));
    assertNoCircle(graph);
  });

  it("leads from predictions and windows to the version that made them", async () => {
    for (const root of ["batch:scored-1", "window:win-1"]) {
      const graph = await lineageOf(life.store, root);
      assert.ok(pathFrom(graph, "run:train-1", root).length > 0, root);
      assertNoCircle(graph);
    }
  });

  it("ends for every thing in the store", async () => {
    const rows = await life.store.selectFrom("edges").select("subject").distinct().execute();
    assert.ok(rows.length > 10);
    for (const { subject } of rows) assertNoCircle(await lineageOf(life.store, subject));
  });

  it("is a picture in which what there is much of is one node", async () => {
    const nodes = Array.from({ length: 20 }, (_, n) => ({
      id: `batch:${n}`,
      kind: "batch",
      label: `batch of orders, ${n} rows, landed`,
    }));
    const root = { id: "dataset:orders@20", kind: "dataset", label: 'dataset "orders"' };
    const text = toMermaid({
      root: root.id,
      nodes: [root, ...nodes],
      edges: nodes.map(({ id }) => ({ from: id, to: root.id })),
    });
    assert.equal(
      text,
      'flowchart LR\n  n0[("dataset #quot;orders#quot;")]\n  n1[("20 × batch of orders")]\n  n1 --> n0\n',
    );
    const life1 = toMermaid(await lineageOf(life.store, "model:churn@1"));
    assert.match(life1, /n[0-9]+\(\["train"\]\)/);
    assert.ok(!life1.includes("undefined"));
  });
});

describe("an explanation", () => {
  it("is given although an old program left another kind of result", async () => {
    const own = await openFixtureStore();
    await own.run({ id: "old", kind: "train", subject: "model:m", result_json: '{"v":0}' });
    const { headline, evidence } = await explain(own.store, "old");
    assert.match(headline, /^train of model:m finished/);
    assert.match(evidence.join(), /written by another version of this program/);
    await own.close();
  });

  const has = (lines: readonly string[], pattern: RegExp): void =>
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${pattern} in\n${lines.join("\n")}`,
    );

  it("of a refused candidate names the gate, the reason and what it saw", async () => {
    const {
      headline,
      reason,
      evidence,
      before: from,
      events,
    } = await explain(life.store, "cand-2");
    assert.equal(headline, "candidate of model churn: refused by evaluate");
    assert.equal(reason, "auc 0.7, the champion has 0.81");
    has(evidence, /NO change: auc 0\.7, the champion has 0\.81/);
    has(evidence, /ok baseline/);
    has(evidence, /change in auc: -0\.11, 95 % interval -0\.15 to -0\.07/);
    has(evidence, /replay of 200 rows: differs from the trainer by 1e-9/);
    has(from, /trained on dataset:orders@2/);
    has(
      events.map(({ type, text }) => `${type} ${text}`),
      /^gate\.failed gate=evaluate/,
    );
  });

  it("of a version tells its gates, what watched it and what it scored", async () => {
    const story = await explain(life.store, "churn@1");
    assert.equal(story.headline, "version 1 of model churn");
    has(story.evidence, /rubber stamp/);
    has(story.before, /candidate:cand-1/);
    has(story.after, /window 1 .*1 drifted; alert: country/);
    has(story.after, /scored 1 batches/);
    has(
      story.events.map(({ type }) => type),
      /model\.versioned/,
    );
  });

  it("of a version that was not trained here says that its drift is not watched", async () => {
    const own = await openFixtureStore();
    const candidate = makeCandidate({ origin: "incoming", stage: "published", version: 4 });
    await own.store.insertInto("candidates").values(candidate).execute();
    has(
      (await explain(own.store, "delay@4")).after,
      /^drift is not watched: .* no reference rows$/,
    );
    await own.close();
    const { after: trained } = await explain(life.store, "churn@1");
    assert.ok(!trained.join().includes("not watched"));
  });

  it("of a batch tells why it was quarantined, what was taken out of it, where it went", async () => {
    const bad = await explain(life.store, "batch-3");
    assert.equal(bad.headline, "batch of dataset orders: 100 rows, quarantined");
    assert.equal(bad.reason, "amount mean: expected at most 50, found 5000 in 100 rows");
    has(bad.evidence, /treated before the disk: email drop, customer hash$/);
    has(bad.before, /run:pull-3/);
    assert.deepEqual(bad.after, []);
    const good = await explain(life.store, "batch-1");
    has(good.after, /in dataset:orders@1 and after/);
    has(good.after, /scored by model:churn@1 into batch:scored-1/);
  });

  it("of a window tells what drifted and what came of it", async () => {
    const { headline, evidence, before: from, after: then } = await explain(life.store, "win-1");
    assert.match(headline, /^window 1 of model:churn@1: 1000 rows/);
    has(evidence, /drift in country: distance 0\.42, adjusted p 0\.0001; 'NO' is gone/);
    has(from, /1000 rows of capture:cap-1/);
    has(then, /then train\.triggered: reason="drift in country"/);
  });

  it("of a run tells why, what it read and made, and why it failed", async () => {
    const good = await explain(life.store, "run:evaluate-1");
    assert.equal(good.headline, "evaluate of candidate:cand-1 finished after 0.5 s");
    assert.equal(good.reason, "because evaluate-1");
    has(good.evidence, /ok baseline: auc 0\.81 beats 0\.5/);
    has(good.before, /read candidate:cand-1/);
    const bad = await explain(life.store, "pull-9");
    assert.deepEqual(bad.evidence, ["error: the database was away"]);
    const pull = await explain(life.store, "pull-1");
    has(pull.after, /batch:batch-1 was read by check run:check-1/);
  });

  it("of a dataset, a model and a feed sums up", async () => {
    const dataset = await explain(life.store, "orders");
    assert.equal(dataset.headline, "dataset orders version 2: 200 rows");
    has(dataset.evidence, /quarantined batch:batch-3: amount mean/);
    has(dataset.before, /from orders-db: 2 batches landed, 200 rows/);
    has(
      dataset.after,
      /candidate:cand-1 of model churn was trained on version 2: published as model:churn@1/,
    );
    const model = await explain(life.store, "churn");
    assert.equal(model.headline, "model churn: last published version 1");
    has(model.evidence, /candidate:cand-2 .*refused by evaluate: auc 0\.7/);
    const feed = await explain(life.store, "feed:orders-db").catch(
      (thrown: Error) => thrown.message,
    );
    assert.equal(typeof feed, "string", "no row, edge or event names the feed yet");
    const row = { name: "orders-db", cursor: "1", seen_path: null, last_pull_ms: 0, has_more: 1 };
    await life.insert("feeds", { ...row, held: "personal data in 'ssn'", held_config_sha256: "c" });
    const held = await explain(life.store, "orders-db");
    assert.equal(held.reason, "personal data in 'ssn'");
    has(held.after, /pull of feed:orders-db failed.*run:pull-9/);
  });
});
