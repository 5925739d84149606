import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Column } from "../../../datasets/column.ts";
import { metricOf } from "../../../evaluate/metrics.ts";
import type { MetricName } from "../../../project/project.ts";
import { boost } from "../../gradient-boosting/boost.ts";
import { predict } from "../../predict.ts";
import { type RealData, readRealData, type SplitTable } from "./real-data.ts";

const SCRIPT = fileURLToPath(
  new URL("../../../../../pipelines/train/testing/compare/peers.py", import.meta.url),
);

export const PARAMETERS = {
  trees: 200,
  learningRate: 0.05,
  maxLeaves: 31,
  minLeafRows: 20,
  l2: 1,
} as const;

/** scikit-learn takes no more categories of a column than this; the rest count as missing for it. */
const MAX_PEER_CATEGORIES = 254;

export interface Score {
  readonly value: number;
  /** Of the training alone, without reading. */
  readonly seconds: number;
}

export interface Comparison {
  readonly name: string;
  readonly metric: MetricName;
  readonly trainRows: number;
  readonly testRows: number;
  readonly ours: Score;
  readonly sklearn: Score;
  readonly xgboost: Score;
}

/** Trains three times on the same rows, one thread each, without early stopping. */
export async function compare(
  data: RealData,
  python: string,
  every: number,
  parameters: { readonly trees: number } = PARAMETERS,
): Promise<Comparison> {
  const { train, test } = await readRealData(data, every);
  const config = { ...PARAMETERS, ...parameters };
  const start = performance.now();
  const model = await boost({
    task: data.task,
    features: data.features,
    config: { ...config, rowRatio: 1, columnRatio: 1, earlyStoppingRounds: 0, seed: 1 },
    train,
    validation: test,
    signal: new AbortController().signal,
    onTree: () => undefined,
  });
  const seconds = (performance.now() - start) / 1000;
  const value = metricOf(data.metric, test.truth, predict(model, test.table));
  const folder = mkdtempSync(join(tmpdir(), "sluice-compare-"));
  try {
    writeForPeers(folder, data, config, train, test);
    const scoreOf = (peer: string): Score => {
      const out = execFileSync(python, [SCRIPT, folder, peer], { encoding: "utf8" });
      const predicted = readDoubles(join(folder, "predicted.f64"));
      const last = out.trim().split("\n").at(-1) ?? "";
      return {
        value: metricOf(data.metric, test.truth, predicted),
        seconds: (JSON.parse(last) as { seconds: number }).seconds,
      };
    };
    return {
      name: data.name,
      metric: data.metric,
      trainRows: train.table.rows,
      testRows: test.table.rows,
      ours: { value, seconds },
      sklearn: scoreOf("sklearn"),
      xgboost: scoreOf("xgboost"),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeForPeers(
  folder: string,
  data: RealData,
  parameters: object,
  train: SplitTable,
  test: SplitTable,
): void {
  const isText = data.features.map(({ kind }) => kind === "text");
  const rows = { trainRows: train.table.rows, testRows: test.table.rows };
  const meta = { task: data.task, isText, ...rows, ...parameters };
  writeFileSync(join(folder, "meta.json"), JSON.stringify(meta));
  const codes = new Map(
    data.features.map(({ name }) => [name, codesOf(train.table.columns.get(name) as Column)]),
  );
  for (const [part, { table, truth }] of Object.entries({ train, test })) {
    const columns = data.features.map(({ name }) =>
      toNumbers(table.columns.get(name) as Column, codes.get(name) as Map<string, number>),
    );
    const bytes = [...columns, truth].map((values) => Buffer.from(values.slice().buffer));
    writeFileSync(join(folder, `${part}.f64`), Buffer.concat(bytes));
  }
}

function codesOf(column: Column): Map<string, number> {
  const counts = new Map<string, number>();
  if (column.kind === "number") return counts;
  for (const text of column.values) {
    if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const frequent = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Map(frequent.slice(0, MAX_PEER_CATEGORIES).map(([text], code) => [text, code]));
}

function toNumbers(column: Column, codes: ReadonlyMap<string, number>): Float64Array {
  if (column.kind === "number") return column.values;
  return Float64Array.from(column.values, (text) => codes.get(text ?? "") ?? Number.NaN);
}

function readDoubles(path: string): Float64Array {
  const bytes = new Uint8Array(readFileSync(path));
  return new Float64Array(bytes.buffer);
}
