import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DATATYPES, type Datatype } from "../../protocols/core/datatype.ts";
import {
  addConstantModel,
  badOpModel,
  crossRowModel,
  EXTERNAL_WEIGHTS,
  externalDataModel,
  identityModel,
  mlpModel,
  scaleModel,
  slowModel,
  stateModel,
} from "./tiny-models.ts";

// Must be set before the runtime's module loads.
process.env["ORT_DISABLE_TELEMETRY"] = "1";
const { InferenceSession, Tensor } = await import("onnxruntime-node");

type Feeds = Parameters<Awaited<ReturnType<typeof InferenceSession.create>>["run"]>[0];

async function run(model: Uint8Array, feeds: Feeds) {
  const session = await InferenceSession.create(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

const row4 = () => new Tensor("float32", new Float32Array([1, 2, 3, 4]), [1, 4]);

function sample(datatype: Datatype): InstanceType<typeof Tensor> {
  switch (datatype) {
    case "BOOL":
      return new Tensor("bool", new Uint8Array([1, 0, 1]), [1, 3]);
    case "UINT8":
      return new Tensor("uint8", new Uint8Array([1, 0, 255]), [1, 3]);
    case "UINT16":
      return new Tensor("uint16", new Uint16Array([1, 0, 65535]), [1, 3]);
    case "UINT32":
      return new Tensor("uint32", new Uint32Array([1, 0, 4294967295]), [1, 3]);
    case "UINT64":
      return new Tensor("uint64", new BigUint64Array([1n, 0n, 2n ** 64n - 1n]), [1, 3]);
    case "INT8":
      return new Tensor("int8", new Int8Array([1, 0, -128]), [1, 3]);
    case "INT16":
      return new Tensor("int16", new Int16Array([1, 0, -32768]), [1, 3]);
    case "INT32":
      return new Tensor("int32", new Int32Array([1, 0, -2147483648]), [1, 3]);
    case "INT64":
      return new Tensor("int64", new BigInt64Array([1n, 0n, -(2n ** 63n)]), [1, 3]);
    case "FP16":
      return new Tensor("float16", new Uint16Array([0x3c00, 0, 0xfbff]), [1, 3]);
    case "FP32":
      return new Tensor("float32", new Float32Array([1, 0, -2.5]), [1, 3]);
    case "FP64":
      return new Tensor("float64", new Float64Array([1, 0, -2.5]), [1, 3]);
    case "BYTES":
      return new Tensor("string", ["a", "", "ü😀"], [1, 3]);
    case "BF16":
      throw new Error("onnxruntime-node has no bfloat16 tensors");
  }
}

for (const datatype of DATATYPES.filter((d) => d !== "BF16")) {
  test(`identityModel(${datatype}) gives back what it got`, async () => {
    const x = sample(datatype);
    const { y } = await run(identityModel(datatype), { x });
    assert.deepEqual(y?.data, x.data);
    assert.deepEqual(y?.dims, [1, 3]);
  });
}

test("identityModel(BF16) is a model that onnxruntime-node cannot hold", async () => {
  await assert.rejects(InferenceSession.create(identityModel("BF16")), /data type: 16/);
});

test("scaleModel and addConstantModel compute", async () => {
  const scaled = await run(scaleModel(3), { x: row4() });
  assert.deepEqual(scaled["y"]?.data, new Float32Array([3, 6, 9, 12]));
  const added = await run(addConstantModel(0.5), { x: row4() });
  assert.deepEqual(added["y"]?.data, new Float32Array([1.5, 2.5, 3.5, 4.5]));
});

test("mlpModel is a function of its seed", async () => {
  const shape = { inputs: 4, hidden: [8, 8], outputs: 2 };
  const one = await run(mlpModel({ ...shape, seed: 1 }), { x: row4() });
  const again = await run(mlpModel({ ...shape, seed: 1 }), { x: row4() });
  const other = await run(mlpModel({ ...shape, seed: 2 }), { x: row4() });
  assert.deepEqual(one["y"]?.dims, [1, 2]);
  assert.deepEqual(one["y"]?.data, again["y"]?.data);
  assert.notDeepEqual(one["y"]?.data, other["y"]?.data);
});

test("slowModel gives back its input and is slow", async () => {
  const session = await InferenceSession.create(slowModel(50));
  const started = performance.now();
  const { y } = await session.run({ x: row4() });
  const tookMs = performance.now() - started;
  await session.release();
  assert.deepEqual(y?.data, new Float32Array([1, 2, 3, 4]));
  assert.ok(tookMs > 5, `took ${tookMs} ms`);
});

test("crossRowModel mixes rows", async () => {
  const x = new Tensor("float32", new Float32Array([1, 2, 3, 4, 3, 4, 5, 6]), [2, 4]);
  const { y } = await run(crossRowModel(), { x });
  assert.deepEqual(y?.data, new Float32Array([-1, -1, -1, -1, 1, 1, 1, 1]));
});

test("stateModel takes a scalar and carries state", async () => {
  const answer = await run(stateModel(), {
    input: new Tensor("float32", new Float32Array([1, 3]), [1, 2]),
    state: new Tensor("float32", new Float32Array(256), [2, 1, 128]),
    sr: new Tensor("int64", new BigInt64Array([16000n]), []),
  });
  assert.deepEqual(answer["output"]?.data, new Float32Array([2]));
  assert.deepEqual(answer["stateN"]?.data, new Float32Array(256).fill(16000));
});

test("badOpModel is refused by the runtime", async () => {
  await assert.rejects(InferenceSession.create(badOpModel()), /Nope/);
});

test("externalDataModel loads beside its weights only", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-tiny-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "model.onnx");
  await writeFile(path, externalDataModel());
  await assert.rejects(InferenceSession.create(path));
  await writeFile(join(folder, "weights.bin"), EXTERNAL_WEIGHTS);
  const session = await InferenceSession.create(path);
  const { y } = await session.run({ x: row4() });
  await session.release();
  assert.deepEqual(y?.data, new Float32Array([2, 4, 6, 8]));
});
