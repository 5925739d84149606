import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import type { NumberColumn } from "../../../datasets/column.ts";
import { metricOf } from "../../../evaluate/metrics.ts";
import { boost, type LabelledTable } from "../../gradient-boosting/boost.ts";
import { predict } from "../../predict.ts";
import { pickRows } from "../../table-rows.ts";
import { compare, PARAMETERS } from "./compare.ts";
import { REAL_DATA, type RealData, readRealData } from "./real-data.ts";

const PYTHON = process.env["SLUICE_TEST_PYTHON"] ?? "python3";
const hasPeers =
  spawnSync(PYTHON, ["-c", "import sklearn, xgboost"], { stdio: "ignore" }).status === 0;
const skip = hasPeers
  ? false
  : "needs a Python with scikit-learn and XGBoost (pip install -r server/testing/python/requirements.txt; SLUICE_TEST_PYTHON names the interpreter)";

/** Keeps each so many-th row. */
const EVERY = 5;

describe("against scikit-learn and XGBoost on the same rows", () => {
  for (const data of REAL_DATA) {
    const every = data.name.startsWith("birdstrikes") ? 1 : EVERY;
    it(data.name, { skip }, async () => {
      const { metric, ours, sklearn, xgboost } = await compare(data, PYTHON, every, { trees: 100 });
      const found = `${metric}: ours ${ours.value}, scikit-learn ${sklearn.value}, XGBoost ${xgboost.value}`;
      if (metric === "auc") {
        assert.ok(ours.value >= Math.max(sklearn.value, xgboost.value) - 0.01, found);
      } else {
        assert.ok(ours.value <= Math.min(sklearn.value, xgboost.value) * 1.03, found);
      }
    });
  }
});

describe("probabilities on flights", () => {
  it("are as high as what came, in each fifth of rows that no tree learned from", async () => {
    const data = REAL_DATA[0] as RealData;
    const { train } = await readRealData(data, 2);
    const third = (first: number): LabelledTable => {
      const size = Math.floor(train.table.rows / 3);
      const places = Int32Array.from({ length: size }, (_, i) => 3 * i + first);
      const table = pickRows(train.table, places);
      return { table, truth: (table.columns.get("target") as NumberColumn).values };
    };
    const test = third(2);
    const config = { ...PARAMETERS, trees: 100, rowRatio: 1, columnRatio: 1 };
    const model = await boost({
      task: data.task,
      features: data.features,
      config: { ...config, earlyStoppingRounds: 10, seed: 1 },
      train: third(0),
      validation: third(1),
      signal: new AbortController().signal,
      onTree: () => undefined,
    });
    const predicted = predict(model, test.table);
    const order = Array.from(predicted.keys()).sort(
      (a, b) => (predicted[a] as number) - (predicted[b] as number),
    );
    const fifth = Math.floor(order.length / 5);
    for (let part = 0; part < 5; part += 1) {
      const rows = order.slice(part * fifth, (part + 1) * fifth);
      const said = meanOf(predicted, rows);
      const came = meanOf(test.truth, rows);
      assert.ok(Math.abs(said - came) < 0.04, `fifth ${part}: said ${said}, came ${came}`);
    }
    const constant = test.truth.map(() => meanOf(test.truth, order));
    const loss = metricOf("logLoss", test.truth, predicted);
    assert.ok(loss < metricOf("logLoss", test.truth, constant));
  });
});

function meanOf(values: Float64Array, rows: readonly number[]): number {
  return rows.reduce((sum, row) => sum + (values[row] as number), 0) / rows.length;
}
