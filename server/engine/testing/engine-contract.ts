import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DATATYPES, type Datatype } from "../../../protocols/core/datatype.ts";
import type { Signature } from "../../../protocols/core/signature.ts";
import { InferError } from "../../../protocols/core/status.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { inspectModel } from "../../../protocols/onnx/inspect-model.ts";
import type { LoadedVersion, Loader, VetReport } from "../../models/loader.ts";
import type { Job, ServableInfo } from "../../models/servable.ts";
import { identityModel, scaleModel, slowModel } from "../../testing/tiny-models.ts";
import { connectServable, type EngineChannel } from "../connect.ts";
import type { ConnectedServable } from "../portable-client.ts";

/**
 * What every engine must do, told through the interfaces of models/loader.ts and the channel. Run it
 * for each engine; `refused` names the datatypes that an engine cannot carry, with the error it gives for them.
 */
export function engineContract(
  name: string,
  createEngine: () => Loader<EngineChannel>,
  refused: ReadonlyMap<Datatype, RegExp>,
): void {
  describe(`engine contract: ${name}`, () => {
    let folder = "";
    const open: Opened[] = [];
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "sluice-engine-"));
    });
    after(async () => {
      for (const opened of open) await closeOpened(opened);
      rmSync(folder, { recursive: true, force: true });
    });
    const load = async (bytes: Uint8Array, options: Partial<LoadShape> = {}) => {
      const opened = await openModel(createEngine(), folder, bytes, options);
      open.push(opened);
      return opened;
    };

    for (const [datatype, error] of refused) {
      it(`refuses ${datatype} with an error that names it`, async () => {
        await assert.rejects(load(identityModel(datatype)), error);
      });
    }

    for (const datatype of DATATYPES.filter((each) => !refused.has(each))) {
      it(`carries ${datatype} through unchanged`, async () => {
        const { client } = await load(identityModel(datatype));
        const x = sampleOf(datatype);
        const { outputs } = await client.run(jobOf([x]));
        assert.deepEqual(outputs, [{ ...x, name: "y", data: sampleOf(datatype).data }]);
      });
    }

    it("answers many requests at once, each its own", async () => {
      const { client } = await load(scaleModel(2), { isBatchable: true });
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => client.run(jobOf([row(i)]))),
      );
      for (const [i, { outputs }] of answers.entries()) {
        assert.deepEqual(floatsOf(outputs[0]), [2 * i, 2 * i, 2 * i, 2 * i]);
      }
    });

    it("stacks what waits into one run where rows may be stacked", async () => {
      const { client } = await load(scaleModel(3), { isBatchable: true });
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => client.run(jobOf([row(i)]))),
      );
      assert.ok(Math.max(...answers.map((a) => a.batchRows)) > 1);
      assert.ok(Math.max(...answers.map((a) => a.batchRows)) <= MAX_BATCH_ROWS);
    });

    it("runs requests one by one where rows may not be stacked", async () => {
      const { client } = await load(scaleModel(3), { isBatchable: false });
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => client.run(jobOf([row(i)]))),
      );
      assert.deepEqual([...new Set(answers.map((a) => a.batchRows))], [1]);
    });

    it("keeps different shapes apart", async () => {
      const { client } = await load(identityModel("FP32"), { isBatchable: true });
      const shapes = [1, 2, 1, 3, 2].map((rows) => [rows, 3]);
      const answers = await Promise.all(
        shapes.map((shape) => client.run(jobOf([floats("x", shape)]))),
      );
      assert.deepEqual(
        answers.map((a) => a.outputs[0]?.shape),
        shapes,
      );
    });

    it("does not share the memory of a view with its neighbours", async () => {
      const { client } = await load(scaleModel(1));
      const all = Float32Array.from([9, 9, 1, 2, 3, 4, 9, 9]);
      const x: Tensor = { name: "x", datatype: "FP32", shape: [1, 4], data: all.subarray(2, 6) };
      const { outputs } = await client.run(jobOf([x]));
      assert.deepEqual(floatsOf(outputs[0]), [1, 2, 3, 4]);
      assert.equal(all[0], 9);
    });

    it("drops a request whose deadline passed, and answers the rest", async () => {
      const { client } = await load(slowModel(30));
      const late = client.run({ ...slowJob(client), deadlineEpochMs: 1 });
      const good = client.run(slowJob(client));
      await assert.rejects(late, (e) => e instanceof InferError && e.code === "deadline-exceeded");
      await good;
    });

    it("does not block the caller's thread while it computes", async () => {
      const { client } = await load(slowModel(60));
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      }, 2);
      const { computeMs } = await client.run(slowJob(client));
      clearInterval(timer);
      assert.ok(computeMs > 10, `the model is slow: ${computeMs} ms`);
      assert.ok(turns >= 2, `timers ran ${turns} times in ${computeMs} ms`);
    });

    it("carries strings with NUL unchanged or refuses them", async () => {
      const { client } = await load(identityModel("BYTES"));
      const x: Tensor = { name: "x", datatype: "BYTES", shape: [1, 3], data: ["a\0b", "", "c"] };
      const outcome = await client.run(jobOf([x])).then(
        ({ outputs }) => outputs[0]?.data,
        (thrown: unknown) => thrown,
      );
      if (outcome instanceof InferError) assert.equal(outcome.code, "unsupported");
      else assert.deepEqual(outcome, ["a\0b", "", "c"]);
    });

    it("says so when a file is no model, and frees what it took", async () => {
      const text = new TextEncoder().encode("no model at all");
      await assert.rejects(
        openModel(createEngine(), folder, text, { signature: { inputs: [], outputs: [] } }),
      );
    });

    it("unloads after the last channel closed, while requests were just answered", async () => {
      const opened = await openModel(createEngine(), folder, scaleModel(2), {});
      await opened.client.run(jobOf([row(1)]));
      await closeOpened(opened);
    });
  });
}

const MAX_BATCH_ROWS = 16;

interface LoadShape {
  readonly isBatchable: boolean;
  readonly signature: Signature;
}

interface Opened {
  readonly loaded: LoadedVersion<EngineChannel>;
  readonly client: ConnectedServable;
}

let loads = 0;

async function openModel(
  engine: Loader<EngineChannel>,
  folder: string,
  bytes: Uint8Array,
  options: Partial<LoadShape>,
): Promise<Opened> {
  loads += 1;
  const directory = mkdtempSync(join(folder, "version-"));
  writeFileSync(join(directory, "model.onnx"), bytes);
  const signature = options.signature ?? inspectModel(bytes).signature;
  const isBatchable = options.isBatchable ?? false;
  const report: VetReport = {
    signature,
    isBatchable,
    sampleMs: null,
    goldenCount: 0,
    peakRssBytes: 0,
  };
  const key = `m/${loads}`;
  const id = { model: "m", version: loads };
  const loaded = await engine.load(
    { key, id, version: { directory, manifestSha256: "" }, report, maxBatchRows: MAX_BATCH_ROWS },
    () => undefined,
  );
  const info: ServableInfo = {
    key,
    id,
    platform: "onnx_onnxv1",
    signature,
    batching: isBatchable ? { maxRows: MAX_BATCH_ROWS } : null,
    maxQueue: 1000,
    slot: 1,
  };
  const client = connectServable(info, loaded.connect().channel);
  return { loaded, client };
}

async function closeOpened(opened: Opened): Promise<void> {
  opened.client.close();
  await opened.loaded.unload();
}

function jobOf(inputs: readonly Tensor[]): Job {
  return { inputs, outputs: ["y"], deadlineEpochMs: null };
}

function floats(name: string, shape: readonly number[]): Tensor {
  const length = shape.reduce((product, dim) => product * dim, 1);
  return { name, datatype: "FP32", shape, data: Float32Array.from({ length }, (_, i) => i) };
}

function row(value: number): Tensor {
  return { name: "x", datatype: "FP32", shape: [1, 4], data: new Float32Array(4).fill(value) };
}

function slowJob(client: ConnectedServable): Job {
  const { inputs, outputs } = client.info.signature;
  return {
    inputs: inputs.map((t) =>
      floats(
        t.name,
        t.shape.map((dim) => (dim === -1 ? 1 : dim)),
      ),
    ),
    outputs: outputs.map((t) => t.name),
    deadlineEpochMs: null,
  };
}

const SAMPLES: Readonly<Record<Datatype, () => Tensor["data"]>> = {
  BOOL: () => Uint8Array.from([1, 0, 1]),
  UINT8: () => Uint8Array.from([0, 128, 255]),
  UINT16: () => Uint16Array.from([0, 1, 65_535]),
  UINT32: () => Uint32Array.from([0, 1, 4_294_967_295]),
  UINT64: () => BigUint64Array.from([0n, 9_007_199_254_740_993n, 18_446_744_073_709_551_615n]),
  INT8: () => Int8Array.from([-128, 0, 127]),
  INT16: () => Int16Array.from([-32_768, 0, 32_767]),
  INT32: () => Int32Array.from([-2_147_483_648, 0, 2_147_483_647]),
  INT64: () => BigInt64Array.from([-1n, 9_007_199_254_740_993n, -(2n ** 63n)]),
  FP16: () => Uint16Array.from([0x3c00, 0xc100, 0x7bff]),
  BF16: () => Uint16Array.from([0x3f80, 0xc020, 0x4780]),
  FP32: () => Float32Array.from([1.5, -0, 3.4e38]),
  FP64: () => Float64Array.from([Math.PI, -0, 1e308]),
  BYTES: () => ["", "é", "a b"],
};

function sampleOf(datatype: Datatype): Tensor {
  return { name: "x", datatype, shape: [1, 3], data: SAMPLES[datatype]() };
}

function floatsOf(tensor: Tensor | undefined): number[] {
  assert.ok(tensor?.data instanceof Float32Array);
  return [...tensor.data];
}
