import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import type {
  CapturedTensor,
  LabelRecord,
  PredictionRecord,
} from "../../protocols/capture/capture-record.ts";
import { startRedis, type TestRedis } from "../../server/testing/redis.ts";
import { needs } from "../../server/testing/skip.ts";
import { type DataEngine, fromParquet, openDataEngine } from "../datasets/duckdb.ts";
import type { JobContext } from "../jobs/job.ts";
import { jobEnv } from "../jobs/job-env.ts";
import { JobError } from "../jobs/job-error.ts";
import { collect } from "./collect.ts";
import type { CollectResult, CollectSpec } from "./observe-spec.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-collect-"));
let engine: DataEngine;
let jobs = 0;
before(async () => {
  engine = await openDataEngine({ folders: [root] });
});
after(() => {
  engine.close();
  rmSync(root, { recursive: true });
});

interface Ran {
  readonly result: CollectResult;
  readonly logs: readonly string[];
  readonly points: readonly string[];
  read(file: string): Promise<unknown[]>;
}

async function runCollect(
  spec: Partial<CollectSpec>,
  signal?: AbortSignal,
  redisUrl: string | null = null,
): Promise<Ran> {
  jobs += 1;
  const folder = join(root, `job-${jobs}`);
  mkdirSync(folder);
  const logs: string[] = [];
  const points: string[] = [];
  const context: JobContext = {
    folder,
    runId: `run-${jobs}`,
    env: jobEnv({}, root, redisUrl),
    metric: () => undefined,
    log: (message) => logs.push(message),
    pause: async (point) => {
      points.push(point);
    },
    signal: signal ?? new AbortController().signal,
  };
  const full: CollectSpec = { captureFiles: null, stream: null, maxRecords: 1000, ...spec };
  const result = await collect(full, context);
  const read = async (file: string) => [
    ...(await engine.rows(
      `SELECT * REPLACE ("row"::INTEGER AS "row", at_ms::DOUBLE AS at_ms) FROM ${fromParquet([join(folder, file)])}`,
    )),
  ];
  return { result, logs, points, read };
}

let files = 0;
function captureFile(lines: readonly (string | object)[]): string {
  files += 1;
  const path = join(root, `1700000000${String(files).padStart(3, "0")}-w-000000.ndjson`);
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  writeFileSync(path, `${text.join("\n")}\n`);
  return path;
}

function numbers(
  name: string,
  data: (number | string | null)[],
  shape = [data.length],
): CapturedTensor {
  return { name, datatype: "FP32", shape, data };
}

function texts(name: string, data: (string | null)[], shape = [data.length]): CapturedTensor {
  return { name, datatype: "BYTES", shape, data };
}

function prediction(fields: Partial<PredictionRecord>): PredictionRecord {
  return {
    kind: "prediction",
    inferenceId: "a",
    atMs: 1000,
    model: "delays",
    version: 1,
    principal: null,
    inputs: [numbers("distance", [10, 20])],
    outputs: [numbers("probability", [0.1, 0.9])],
    ...fields,
  };
}

function label(fields: Partial<LabelRecord>): LabelRecord {
  return {
    kind: "label",
    model: "delays",
    inferenceId: "a",
    row: 0,
    label: 1,
    atMs: 2000,
    ...fields,
  };
}

describe("collecting capture files", () => {
  it("gives one row a row, missing values as NULL, text as text", async () => {
    const path = captureFile([
      prediction({
        inputs: [numbers("distance", [10, null], [2, 1]), texts("origin", ["BOS", null])],
      }),
    ]);
    const { result, read, points } = await runCollect({ captureFiles: [path] });
    assert.deepEqual(result, {
      predictions: [
        {
          model: "delays",
          version: 1,
          file: "predictions-delays-1.parquet",
          rows: 2,
          firstAtMs: 1000,
          lastAtMs: 1000,
        },
      ],
      labels: null,
      unreadable: 0,
      lastId: null,
      takenFiles: [path],
    });
    const rows = await read("predictions-delays-1.parquet");
    const base = { inference_id: "a", at_ms: 1000 };
    assert.deepEqual(rows, [
      { ...base, row: 0, distance: 10, origin: "BOS", prediction: 0.1 },
      { ...base, row: 1, distance: null, origin: null, prediction: 0.9 },
    ]);
    assert.deepEqual(points, ["written"]);
  });

  it("sorts by model and version, and labels into one file", async () => {
    const path = captureFile([
      prediction({ model: "zeta", inferenceId: "z" }),
      label({ label: true, row: 1 }),
      prediction({ version: 10, inferenceId: "c", atMs: 3000 }),
      prediction({ version: 2, inferenceId: "b" }),
      label({ model: "zeta", label: "late", inferenceId: "z" }),
    ]);
    const { result, read } = await runCollect({ captureFiles: [path] });
    assert.deepEqual(
      result.predictions.map(({ model, version, rows }) => [model, version, rows]),
      [
        ["delays", 2, 2],
        ["delays", 10, 2],
        ["zeta", 1, 2],
      ],
    );
    assert.deepEqual(result.labels, { file: "labels.parquet", rows: 2 });
    assert.deepEqual(await read("labels.parquet"), [
      { model: "delays", inference_id: "a", row: 1, label: "true", at_ms: 2000 },
      { model: "zeta", inference_id: "z", row: 0, label: "late", at_ms: 2000 },
    ]);
  });

  it("skips and counts what is no record", async () => {
    const good = prediction({});
    const path = captureFile([
      good,
      "{",
      "null",
      "[]",
      "\u0000\ufffd\u0001",
      JSON.stringify(good).slice(0, 80),
      { ...good, kind: "other" },
      { ...good, model: "../../etc" },
      { ...good, version: 0 },
      { ...good, version: "1" },
      { ...good, inferenceId: "" },
      { ...good, atMs: "now" },
      { ...good, inputs: [{ name: "x", datatype: "FP32", shape: [3], data: [1] }] },
      { ...good, inputs: [{ name: "x", datatype: "FP31", shape: [1], data: [1] }] },
      { ...good, inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [{}] }] },
      { ...good, inputs: [{ name: "x\u0000", datatype: "FP32", shape: [1], data: [1] }] },
      { ...good, inputs: null },
      label({ row: -1 }),
      { ...label({}), label: null },
    ]);
    const { result } = await runCollect({ captureFiles: [path] });
    assert.equal(result.unreadable, 18);
    assert.equal(result.predictions[0]?.rows, 2);
    assert.equal(result.labels, null);
  });

  it("leaves out inputs without one value a row or with a name that is taken, and says so", async () => {
    const path = captureFile([
      prediction({
        inputs: [
          numbers("image", [1, 2, 3, 4], [2, 2]),
          numbers("rate", [16000]),
          numbers("Row", [1, 2]),
          numbers("distance", [1, 2]),
          numbers("DISTANCE", [3, 4]),
          numbers("seq", [5, 6]),
        ],
      }),
    ]);
    const { logs, read } = await runCollect({ captureFiles: [path] });
    const [row] = await read("predictions-delays-1.parquet");
    assert.deepEqual(Object.keys(row as object), [
      "inference_id",
      "row",
      "at_ms",
      "distance",
      "seq",
      "prediction",
    ]);
    assert.deepEqual(logs, [
      "delays version 1: input 'image' is left out: it has not one value a row",
      "delays version 1: input 'rate' is left out: it has not one value a row",
      "delays version 1: input 'Row' is left out: it has the name of another column",
      "delays version 1: input 'DISTANCE' is left out: it has the name of another column",
    ]);
  });

  it("takes an input that comes later or changes its kind", async () => {
    const path = captureFile([
      prediction({ inferenceId: "a" }),
      prediction({ inferenceId: "b", inputs: [texts("origin", ["x", "y"])] }),
      prediction({ inferenceId: "c", inputs: [texts("distance", ["7", "8"])] }),
    ]);
    const { logs, read } = await runCollect({ captureFiles: [path] });
    const rows = (await read("predictions-delays-1.parquet")) as Record<string, unknown>[];
    assert.deepEqual(
      rows.map(({ distance, origin }) => [distance, origin]),
      [
        [10, null],
        [20, null],
        [null, "x"],
        [null, "y"],
        [null, null],
        [null, null],
      ],
    );
    assert.match(logs.join(), /'distance' is left out: it is number in one record and text/);
  });

  it("takes the probability of class 1, else the first number a row", async () => {
    const outputs: Record<string, CapturedTensor[]> = {
      two: [
        { name: "label", datatype: "INT64", shape: [2], data: [0, "9007199254740993"] },
        numbers("probabilities", [0.7, 0.3, 0.2, 0.8], [2, 2]),
      ],
      first: [texts("name", ["x", "y"]), numbers("value", [5, null], [2, 1]), numbers("b", [1, 2])],
      named: [numbers("other", [5, 6]), numbers("probability", [0.5, 0.25])],
      none: [numbers("scores", [1, 2, 3, 4, 5, 6], [2, 3])],
    };
    const path = captureFile(
      Object.entries(outputs).map(([inferenceId, outs]) =>
        prediction({ inferenceId, outputs: outs }),
      ),
    );
    const { logs, read } = await runCollect({ captureFiles: [path] });
    const rows = (await read("predictions-delays-1.parquet")) as Record<string, unknown>[];
    assert.deepEqual(
      rows.map((row) => row["prediction"]),
      [0.3, 0.8, 5, null, 0.5, 0.25, null, null],
    );
    assert.match(logs.join(), /no output of 1 records has one number a row/);
  });

  it("keeps the first of two records with one id and row", async () => {
    const twice = [
      prediction({ outputs: [numbers("p", [1, 2])] }),
      prediction({
        outputs: [numbers("p", [3, 4, 5])],
        inputs: [numbers("distance", [7, 8, 9])],
      }),
    ];
    const { read } = await runCollect({ captureFiles: [captureFile(twice)] });
    const rows = (await read("predictions-delays-1.parquet")) as Record<string, unknown>[];
    assert.deepEqual(
      rows.map(({ row, distance, prediction: p }) => [row, distance, p]),
      [
        [0, 10, 1],
        [1, 20, 2],
        [2, 9, 5],
      ],
    );
  });

  it("keeps text as it came, whatever is in it", async () => {
    const odd = ["a\u0000b", "\ud800", "'; DROP TABLE labels; --"];
    const path = captureFile([
      prediction({ inputs: [texts("t", odd)], outputs: [numbers("p", [1, 2, 3])] }),
      label({ label: "a\u0000b" }),
    ]);
    const { read } = await runCollect({ captureFiles: [path] });
    const rows = (await read("predictions-delays-1.parquet")) as Record<string, unknown>[];
    // A lone surrogate has no UTF-8: it becomes the replacement character.
    assert.deepEqual(
      rows.map(({ t }) => t),
      ["a\u0000b", "\ufffd", "'; DROP TABLE labels; --"],
    );
    const [told] = (await read("labels.parquet")) as Record<string, unknown>[];
    assert.equal(told?.["label"], "a\u0000b");
  });

  it("takes whole files and no more once maxRecords is reached", async () => {
    const paths = ["a", "b", "c"].map((id) =>
      captureFile([prediction({ inferenceId: id }), prediction({ inferenceId: `${id}2` })]),
    );
    const { result } = await runCollect({ captureFiles: paths, maxRecords: 3 });
    assert.deepEqual(result.takenFiles, paths.slice(0, 2));
    assert.equal(result.predictions[0]?.rows, 8);
  });

  it("takes no row from a tensor without values, whatever its shape claims", async () => {
    const outputs = [numbers("p", [], [1e12, 0])];
    const { result } = await runCollect({ captureFiles: [captureFile([prediction({ outputs })])] });
    assert.deepEqual(result.predictions, []);
    assert.equal(result.unreadable, 0);
  });

  it("gives the same files for the same records", async () => {
    const path = captureFile([
      prediction({}),
      label({}),
      prediction({ inferenceId: "b", version: 2 }),
    ]);
    const one = await runCollect({ captureFiles: [path] });
    const two = await runCollect({ captureFiles: [path] });
    assert.deepEqual(one.result, two.result);
    for (const { file } of one.result.predictions) {
      assert.deepEqual(await one.read(file), await two.read(file));
    }
  });

  it("refuses a file that is gone, and a spec without or with two sources", async () => {
    const gone = join(root, "1700000000999-w-000000.ndjson");
    await assert.rejects(
      runCollect({ captureFiles: [gone] }),
      (error) => error instanceof JobError && error.isTransient && !error.message.includes(root),
    );
    await assert.rejects(runCollect({}), JobError);
  });

  it("stops when it is asked to", async () => {
    const stop = new AbortController();
    stop.abort(new Error("stop"));
    await assert.rejects(
      runCollect({ captureFiles: [captureFile([prediction({})])] }, stop.signal),
      /stop/,
    );
  });
});

describe("collecting a stream", needs("redis"), () => {
  let redis: TestRedis;
  let client: Redis;
  before(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
  });
  after(async () => {
    client.disconnect();
    await redis.stop();
  });

  it("reads after an id, at most maxRecords, and counts what is no record", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 1203; i += 1) {
      const record =
        i === 1 ? label({}) : prediction({ inferenceId: `i${i}`, outputs: [numbers("p", [i, i])] });
      ids.push((await client.xadd("s", "*", "record", JSON.stringify(record))) ?? "");
    }
    ids.push((await client.xadd("s", "*", "other", "x")) ?? "");
    const stream = { name: "s", afterId: "0-0" };
    const runStream = (spec: Partial<CollectSpec>) => runCollect(spec, undefined, redis.url);
    const first = await runStream({ stream, maxRecords: 700 });
    assert.equal(first.result.lastId, ids[699]);
    assert.equal(first.result.predictions[0]?.rows, 2 * 699);
    assert.deepEqual(first.result.labels, { file: "labels.parquet", rows: 1 });
    const second = await runStream({ stream: { ...stream, afterId: ids[699] ?? "" } });
    assert.equal(second.result.lastId, ids.at(-1));
    assert.equal(second.result.predictions[0]?.rows, 2 * 503);
    assert.equal(second.result.unreadable, 1);
    const third = await runStream({ stream: { ...stream, afterId: ids.at(-1) ?? "" } });
    assert.equal(third.result.lastId, ids.at(-1));
    assert.deepEqual([third.result.predictions, third.result.labels], [[], null]);
  });
});
