import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createHttpClient } from "../protocols/client/http-client.ts";
import type { Tensor } from "../protocols/core/tensor.ts";
import { runBench } from "./command.ts";
import { BENCH_MODEL } from "./compare.ts";
import { bestDirectBinding, type Contender, directContender } from "./contender.ts";
import { createInputPool } from "./input-pool.ts";
import type { LoadResult } from "./load-result.ts";
import type { MachineGuard } from "./machine/machine-guard.ts";
import { mlpModel } from "./mlp-model.ts";
import type { BenchReport } from "./report.ts";
import { runPairs } from "./run-pairs.ts";
import { startFastify } from "./start-baselines.ts";
import { resultOf } from "./testing/result-of.ts";

const MLP = {
  name: "mlp",
  versions: ["1"],
  platform: "onnx_onnxv1",
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, 20] }],
  outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
} as const;

async function withModelFile<T>(use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "compare-test-"));
  try {
    const path = join(folder, "mlp.onnx");
    await writeFile(path, mlpModel());
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function floatsOf(tensor: Tensor | undefined): Float32Array {
  assert.ok(tensor?.data instanceof Float32Array);
  return tensor.data;
}

function silent(): { write(text: string): void } {
  return { write: () => undefined };
}

test("pairs are interleaved, change who goes first, and compare pair by pair", async () => {
  const order: string[] = [];
  const seen: number[][] = [];
  const noise = [false, true, false];
  const guard: MachineGuard = {
    readings: [],
    settle: async () => ({
      end: () => ({
        ...{ otherCores: 0, stolenCores: 0, slowdown: 1 },
        isNoisy: noise.shift() ?? false,
      }),
    }),
  };
  const contender = (name: string, rates: number[]): Contender => ({
    name,
    async measure(): Promise<LoadResult> {
      order.push(name);
      return resultOf({ name, throughputPerSec: rates.shift() ?? 0 });
    },
  });
  const paired = await runPairs(
    contender("a", [200, 90, 300]),
    contender("b", [100, 30, 200]),
    3,
    guard,
    ({ pair, ours, theirs }) => seen.push([pair, ours.throughputPerSec, theirs.throughputPerSec]),
  );
  assert.deepEqual(order, ["a", "b", "b", "a", "a", "b"]);
  assert.deepEqual(seen, [
    [1, 200, 100],
    [2, 90, 30],
    [3, 300, 200],
  ]);
  assert.deepEqual(
    paired.ours.map((result) => result.throughputPerSec),
    [200, 90, 300],
  );
  assert.equal(paired.noisyPairs, 1);
});

test("the fastify baseline computes what the model says, and is told apart when it cannot start", async () => {
  await withModelFile(async (path) => {
    const server = await startFastify(path, 1, null);
    const options = { apiKey: null, timeoutMs: 5000, binary: false, maxSockets: 1 };
    const client = createHttpClient(server.endpoints.url ?? "", options);
    try {
      const [input] = createInputPool(MLP, new Map([["x", [3, 20]]]));
      assert.ok(input !== undefined);
      const model = { name: BENCH_MODEL, version: null };
      const whole = await client.infer(model, input);
      assert.deepEqual(whole.outputs[0]?.shape, [3, 2]);
      const data = floatsOf(input.inputs[0]).slice(20, 40);
      const row = { name: "x", datatype: "FP32", shape: [1, 20], data } as const;
      const second = await client.infer(model, { inputs: [row], outputs: null });
      const expected = floatsOf(whole.outputs[0]).slice(2, 4);
      for (const [i, value] of expected.entries()) {
        assert.ok(Math.abs(value - Number(second.outputs[0]?.data[i])) < 1e-5);
        assert.notEqual(value, 0);
      }
    } finally {
      await client.close();
      await server.stop();
    }
  });
  await assert.rejects(
    startFastify("/nowhere/model.onnx", null, null),
    /fastify.* ended with 1: .*nowhere/s,
  );
});

test("the direct baseline counts runs of the model, one at a time", async () => {
  await withModelFile(async (modelFile) => {
    const inputs = createInputPool(MLP, new Map());
    const through = bestDirectBinding();
    const plan = { warmupMs: 50, durationMs: 200, intraOpThreads: 1, inputs, through };
    const result = await directContender({ ...plan, modelFile }, null).measure();
    assert.ok(result.requests > 100, `${result.requests} runs`);
    assert.equal(result.connections, 1);
    assert.ok(result.latency.p50Ms > 0);
    const missing = directContender({ ...plan, modelFile: "/nowhere.onnx" }, null);
    await assert.rejects(missing.measure(), /direct ended with 1: .*nowhere/s);
  });
});

test("sluice bench --baseline measures this server against fastify, checked and cleaned up", async () => {
  await withModelFile(async (path) => {
    const json = `${path}.json`;
    let stderr = "";
    const argv = [
      ...["--baseline", "fastify", "--model-file", "mlp", "--pairs", "1", "--json", json],
      ...["--duration-secs", "0.5", "--warmup-secs", "0.2", "--connections", "2"],
    ];
    const code = await runBench(argv, {
      stdout: silent(),
      stderr: {
        write: (text) => {
          stderr += text;
        },
      },
    });
    const report = JSON.parse(await readFile(json, "utf8")) as BenchReport;
    const [comparison] = report.comparisons;
    // Whether the machine was quiet is not this test's to say; that the exit status tells is.
    assert.equal(code, comparison?.throughputRatio.isResult === true ? 0 : 1, stderr);
    const [pair] = comparison?.pairs ?? [];
    assert.ok((pair?.ours.requests ?? 0) > 10 && (pair?.baseline.requests ?? 0) > 10);
    assert.equal(
      comparison?.throughputRatio.median,
      (pair?.ours.throughputPerSec ?? 0) / (pair?.baseline.throughputPerSec ?? 0),
    );
    assert.match(stderr, /pair 1\/1: sluice http-json and fastify http-json: \d+ and \d+/);
  });
});
