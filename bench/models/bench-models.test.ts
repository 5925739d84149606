import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceSession } from "onnxruntime-node";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { toOrt } from "../baseline/oip-tensors.ts";
import { createInputPool } from "../input-pool.ts";
import type { BenchModel } from "./bench-model.ts";
import { bigBenchModel, COMPUTE, IMAGE, MLP, TEXT, TREES, VAD } from "./bench-models.ts";

/** The first output for one of the model's inputs. */
async function runOnce(model: BenchModel): Promise<{ dims: readonly number[]; values: unknown[] }> {
  const bytes = model.bytes();
  const { signature } = inspectModel(bytes);
  const description = { name: model.name, versions: [], platform: "onnx", ...signature };
  const inputs = model.inputs?.() ?? createInputPool(description, new Map());
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const feeds = (inputs[0]?.inputs ?? []).map((tensor) => [tensor.name, toOrt(tensor)] as const);
  const outputs = await session.run(Object.fromEntries(feeds));
  const output = outputs[session.outputNames[0] ?? ""];
  await session.release();
  return { dims: output?.dims ?? [], values: [...(output?.data ?? [])] };
}

test("every model runs on its inputs, and its weights matter", async () => {
  const cases: [BenchModel, number[]][] = [
    [MLP, [1, 2]],
    [TREES, [1, 1]],
    [VAD, [1, 1]],
    [IMAGE, [1, 10]],
    [COMPUTE, [1, 8]],
    [bigBenchModel(3), [1, 512]],
  ];
  for (const [model, dims] of cases) {
    const answer = await runOnce(model);
    assert.deepEqual(answer.dims, dims, model.name);
    assert.ok(answer.values.every(Number.isFinite), model.name);
    assert.ok(
      answer.values.some((value) => value !== 0),
      model.name,
    );
  }
  const text = await runOnce(TEXT);
  assert.deepEqual(text.dims, [1, 4]);
  assert.match(String(text.values[0]), /^word\d+$/);
});

test("a model is the same bytes every time; a big one has its size, and another seed other weights", () => {
  assert.deepEqual(TREES.bytes(), TREES.bytes());
  const big = bigBenchModel(2).bytes();
  assert.ok(Math.abs(big.byteLength - 2 * 1024 ** 2) < 2048, `${big.byteLength} bytes`);
  assert.notDeepEqual(bigBenchModel(2, 7).bytes(), big);
  assert.equal(bigBenchModel(2, 7).bytes().byteLength, big.byteLength);
});
