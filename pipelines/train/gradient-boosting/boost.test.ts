import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Column, NumberColumn, Table } from "../../datasets/column.ts";
import { metricOf } from "../../evaluate/metrics.ts";
import { predict } from "../predict.ts";
import { LEAF, serializeTreesModel, type TreesModel } from "../trees-model.ts";
import { type BoostOptions, boost, type LabelledTable } from "./boost.ts";
import { createRandom } from "./random.ts";

const CONFIG: BoostOptions["config"] = {
  trees: 20,
  learningRate: 0.2,
  maxLeaves: 8,
  minLeafRows: 5,
  l2: 1,
  rowRatio: 1,
  columnRatio: 1,
  earlyStoppingRounds: 0,
  seed: 7,
};

type Values = readonly (number | string | null)[];

function tableOf(columns: Record<string, Values>): Table {
  const rows = Object.values(columns)[0]?.length ?? 0;
  const toColumn = (values: Values): Column =>
    values.some((value) => typeof value === "string")
      ? { kind: "text", values: values as (string | null)[] }
      : { kind: "number", values: Float64Array.from(values as number[], (v) => v ?? Number.NaN) };
  const entries = Object.entries(columns).map(([name, v]) => [name, toColumn(v)] as const);
  return { rows, columns: new Map(entries) };
}

function make(
  size: number,
  row: (i: number, random: () => number) => Record<string, number | string | null>,
) {
  const random = createRandom(3);
  const rows = Array.from({ length: size }, (_, i) => row(i, random));
  const names = Object.keys(rows[0] ?? {}).filter((name) => name !== "y");
  const columns = Object.fromEntries(names.map((n) => [n, rows.map((r) => r[n] as number)]));
  return { table: tableOf(columns), truth: Float64Array.from(rows, (r) => r["y"] as number) };
}

async function fit(
  data: LabelledTable,
  config: Partial<BoostOptions["config"]> = {},
  options: Partial<BoostOptions> = {},
): Promise<TreesModel> {
  return boost({
    task: "regression",
    features: [...data.table.columns].map(([name, { kind }]) => ({ name, kind })),
    config: { ...CONFIG, ...config },
    train: data,
    validation: data,
    signal: new AbortController().signal,
    onTree: () => undefined,
    ...options,
  });
}

const rmse = (model: TreesModel, { table, truth }: LabelledTable) =>
  metricOf("rmse", truth, predict(model, table));

describe("boost", () => {
  it("learns a step, and puts the threshold between the values", async () => {
    const data = make(100, (i) => ({ x: i, y: i < 40 ? 1 : 5 }));
    const model = await fit(data, { trees: 1, learningRate: 1, l2: 0 });
    const [tree] = model.trees;
    assert.equal(tree?.threshold[0], 39.5);
    assert.ok(rmse(model, data) < 1e-9);
  });

  it("sends missing numbers where they fit, and others without a value with the most", async () => {
    const data = make(300, (i) => ({
      x: i % 3 === 0 ? null : i,
      y: i % 3 === 0 || i > 200 ? 9 : 1,
    }));
    const model = await fit(data, { trees: 1, learningRate: 1, l2: 0, maxLeaves: 3 });
    assert.ok(rmse(model, data) < 1e-9);
    const whole = make(100, (i) => ({ x: i, y: i < 30 ? 0 : 1 }));
    const [tree] = (await fit(whole, { trees: 1 })).trees;
    assert.equal(tree?.missingLeft[0], false);
  });

  it("splits off what is missing alone", async () => {
    const data = make(200, (i) => ({ x: i % 2 === 0 ? null : 4, y: i % 2 }));
    const model = await fit(data, { trees: 1, learningRate: 1, l2: 0 });
    assert.ok(rmse(model, data) < 1e-9);
    const infinite = tableOf({ x: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 4] });
    assert.ok(predict(model, infinite).every(Number.isFinite));
  });

  it("splits texts into sets; unseen and rare texts go right", async () => {
    const data = make(2000, (i, random) => {
      const town = `t${i % 20}`;
      return { town: i === 5 ? "rare" : town, y: (i % 20) % 3 === 0 ? 10 + random() : random() };
    });
    const model = await fit(data, { trees: 1, learningRate: 1 });
    const [tree] = model.trees;
    const feature = model.features[0];
    assert.ok(feature?.kind === "text" && !feature.categories.includes("rare"));
    const names = (tree?.set[0] ?? []).map((code) => feature.categories[code]);
    assert.deepEqual(names.sort(), ["t0", "t12", "t15", "t18", "t3", "t6", "t9"].sort());
    const [unseen, missing, usual] = predict(model, tableOf({ town: ["?", null, "t1"] }));
    assert.equal(unseen, missing);
    assert.ok(Math.abs((unseen as number) - (usual as number)) < 1);
  });

  it("takes a missing text for a category of its own", async () => {
    const data = make(1000, (i) => ({
      town: i % 4 === 0 ? null : `t${i % 4}`,
      y: i % 4 === 0 ? 7 : 0,
    }));
    const model = await fit(data, { trees: 1, learningRate: 1, maxLeaves: 2 });
    const [missing, empty, usual] = predict(model, tableOf({ town: [null, "", "t1"] }));
    assert.equal(missing, empty);
    assert.ok((missing as number) > 6 && (usual as number) < 1);
  });

  it("does not learn single rows by their names", async () => {
    const data = make(500, (i, random) => ({ id: `id${i}`, y: random() }));
    const model = await fit(data);
    assert.ok(model.trees.every((tree) => tree.feature.length === 1));
    assert.deepEqual(model.features, [{ name: "id", kind: "text", categories: [] }]);
  });

  it("asks nothing about constant and all-missing columns", async () => {
    const data = make(200, (i) => ({ same: 3, none: null, x: i, y: Math.sin(i / 20) }));
    const model = await fit(data);
    const asked = new Set(model.trees.flatMap(({ feature }) => feature));
    assert.deepEqual([...asked].sort(), [LEAF, 2]);
    const alone = await fit(
      make(50, (i) => ({ same: 3, y: i % 2 })),
      { trees: 3 },
    );
    assert.deepEqual(
      alone.trees.map(({ feature }) => feature),
      [[LEAF], [LEAF], [LEAF]],
    );
  });

  it("keeps minLeafRows in every leaf", async () => {
    const data = make(300, (_, random) => ({ x: random(), z: random(), y: random() }));
    const model = await fit(data, { minLeafRows: 40, trees: 5, maxLeaves: 31 });
    for (const tree of model.trees) {
      const sizes = new Map<number, number>();
      const single: TreesModel = {
        ...model,
        baseValue: 0,
        trees: [{ ...tree, value: tree.feature.map((_, n) => n) }],
      };
      for (const leaf of predict(single, data.table)) sizes.set(leaf, (sizes.get(leaf) ?? 0) + 1);
      assert.ok(sizes.size > 1 && [...sizes.values()].every((rows) => rows >= 40), `${[...sizes]}`);
    }
  });

  it("keeps maxLeaves", async () => {
    const data = make(500, (_, random) => ({ x: random(), y: random() }));
    const model = await fit(data, { maxLeaves: 5, minLeafRows: 1 });
    for (const { feature } of model.trees)
      assert.equal(feature.filter((f) => f === LEAF).length, 5);
  });

  it("stops early and keeps the trees up to the best", async () => {
    const noise = (_: number, random: () => number) => ({ x: random(), y: random() });
    const all = make(400, noise);
    const half = (from: number, to: number): LabelledTable => ({
      table: tableOf({
        x: [...(all.table.columns.get("x") as NumberColumn).values].slice(from, to),
      }),
      truth: all.truth.slice(from, to),
    });
    const losses: number[] = [];
    const model = await fit(
      half(0, 200),
      { trees: 500, earlyStoppingRounds: 15, minLeafRows: 2 },
      {
        validation: half(200, 400),
        onTree: (_, read) => losses.push(read().validation),
      },
    );
    const best = losses.indexOf(Math.min(...losses)) + 1;
    assert.equal(losses.length, best + 15);
    assert.equal(model.trees.length, best);
  });

  it("gives the same bytes twice, with sampling, and others for another seed", async () => {
    const data = make(800, (i, random) => ({
      a: random(),
      b: random(),
      c: `t${i % 7}`,
      y: random() > 0.6 ? 1 : 0,
    }));
    const config = { rowRatio: 0.7, columnRatio: 0.6 };
    const text = async (seed: number) =>
      serializeTreesModel(await fit(data, { ...config, seed }, { task: "binary" }));
    assert.equal(await text(1), await text(1));
    assert.notEqual(await text(1), await text(2));
  });

  it("ends at the next tree when aborted", async () => {
    const controller = new AbortController();
    let trees = 0;
    const data = make(50, (i) => ({ x: i, y: i }));
    const options = {
      signal: controller.signal,
      onTree: () => {
        trees += 1;
        controller.abort(new Error("enough"));
      },
    };
    await assert.rejects(fit(data, {}, options), /enough/);
    assert.equal(trees, 1);
  });

  it("adds leaves without rounding: in any order, the same bits", async () => {
    const data = make(1000, (_, random) => ({ x: random(), z: random(), y: random() * 1e5 - 3 }));
    let loss = 0;
    const model = await fit(
      data,
      { trees: 50, minLeafRows: 1, maxLeaves: 31 },
      {
        onTree: (_, read) => {
          loss = read().train;
        },
      },
    );
    const forth = predict(model, data.table);
    const back = predict({ ...model, trees: model.trees.toReversed() }, data.table);
    assert.deepEqual(forth, back);
    assert.ok(Math.abs(rmse(model, data) ** 2 / loss - 1) < 1e-9);
  });

  it("scores raw values as it scored bins, at the edges of float32 too", async () => {
    const edges = [1e-45, -0, 0, 3.4028234663852886e38, 1e39, -1e39, 1 + 2 ** -30, 1, 1 - 2 ** -24];
    const data = make(900, (i) => ({ x: edges[i % edges.length] as number, y: i % edges.length }));
    let seen = 0;
    const model = await fit(
      data,
      { trees: 10, maxLeaves: 31 },
      {
        onTree: (_, read) => {
          seen = read().train;
        },
      },
    );
    assert.ok(Math.abs(rmse(model, data) ** 2 - seen) < 1e-9);
  });
});
