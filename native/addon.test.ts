import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DATATYPES, type Datatype } from "../protocols/core/datatype.ts";
import { needs } from "../server/testing/skip.ts";
import {
  addConstantModel,
  badOpModel,
  identityModel,
  mlpModel,
  modelOf,
  node,
  scaleModel,
  stateModel,
  value,
} from "../server/testing/tiny-models.ts";
import { ELEMENT_TYPES, type NativeAddon, type NativeData, type NativeLine } from "./addon.ts";
import { AddonBench, libraryPath } from "./testing/addon-bench.ts";

/** Six elements of each datatype, with the extremes. */
const SAMPLES: Readonly<Record<Datatype, NativeData>> = {
  BOOL: Uint8Array.of(0, 1, 1, 0, 1, 0),
  UINT8: Uint8Array.of(0, 1, 2, 127, 128, 255),
  UINT16: Uint16Array.of(0, 1, 2, 3, 32768, 65535),
  UINT32: Uint32Array.of(0, 1, 2, 3, 4, 4294967295),
  UINT64: BigUint64Array.of(0n, 1n, 2n, 3n, 4n, 18446744073709551615n),
  INT8: Int8Array.of(0, 1, -1, 2, -128, 127),
  INT16: Int16Array.of(0, 1, -1, 2, -32768, 32767),
  INT32: Int32Array.of(0, 1, -1, 2, -2147483648, 2147483647),
  INT64: BigInt64Array.of(0n, 1n, -1n, 2n, -9223372036854775808n, 9223372036854775807n),
  FP16: Uint16Array.of(0, 0x3c00, 0xbc00, 0x7c00, 0x7e00, 0x0001),
  BF16: Uint16Array.of(0, 0x3f80, 0xbf80, 0x7f80, 0x7fc0, 0x0001),
  FP32: Float32Array.of(0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e-45),
  FP64: Float64Array.of(0, -0, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, 5e-324),
  BYTES: ["", "a", "nul \0 in it", "\0", "gr\u00fc\u00df \u6c34 \u{1f30a}", "last"],
};

const SHAPE = [2, 3];

describe("the addon: runs on the calling thread", needs("compiler"), () => {
  let bench: AddonBench;
  let addon: NativeAddon;
  before(() => {
    bench = new AddonBench();
    addon = bench.addon;
  });
  after(() => bench.end());

  const runOne = (
    line: NativeLine,
    input: NativeData,
    shape: readonly number[],
  ): { readonly data: NativeData; readonly shape: readonly number[] } => {
    const [output] = addon.runNow(line, [input], [shape], [0]);
    assert.ok(output !== undefined);
    return output;
  };

  it("names the runtime's version", () => {
    assert.match(addon.runtimeVersion, /^1\.\d+\.\d+$/);
  });

  for (const datatype of DATATYPES) {
    it(`carries ${datatype}`, async () => {
      const { session, line } = await bench.open(identityModel(datatype));
      const expected = { name: "x", elementType: ELEMENT_TYPES[datatype], shape: [-1, 3] };
      assert.deepEqual(addon.signatureOf(session), {
        inputs: [expected],
        outputs: [{ ...expected, name: "y" }],
      });
      const output = runOne(line, SAMPLES[datatype], SHAPE);
      assert.deepEqual(output, { data: SAMPLES[datatype], shape: SHAPE });
    });
  }

  it("takes tensors without elements", async () => {
    for (const datatype of ["FP32", "BYTES"] as const) {
      const { line } = await bench.open(identityModel(datatype));
      const empty = datatype === "BYTES" ? [] : new Float32Array(0);
      assert.deepEqual(runOne(line, empty, [0, 3]), { data: empty, shape: [0, 3] });
    }
  });

  it("takes scalars, several inputs and several outputs, in any order and each more than once", async () => {
    const { line } = await bench.open(stateModel());
    const inputs = [
      Float32Array.of(1, 2, 3, 4),
      new Float32Array(256).fill(5),
      BigInt64Array.of(16000n),
    ];
    const shapes = [[1, 4], [2, 1, 128], []];
    const outputs = addon.runNow(line, inputs, shapes, [1, 0, 1]);
    assert.deepEqual(
      outputs.map(({ shape }) => shape),
      [
        [2, 1, 128],
        [1, 1],
        [2, 1, 128],
      ],
    );
    assert.deepEqual(outputs[1]?.data, Float32Array.of(2.5));
    assert.deepEqual(outputs[2]?.data, new Float32Array(256).fill(16005));
  });

  it("returns a scalar", async () => {
    const { line } = await bench.open(
      modelOf({
        nodes: [node("Identity", ["x"], ["y"])],
        inputs: [value("x", "FP64", [])],
        outputs: [value("y", "FP64", [])],
      }),
    );
    assert.deepEqual(runOne(line, Float64Array.of(2.5), []), {
      data: Float64Array.of(2.5),
      shape: [],
    });
  });

  it("reads views where they lie, at any offset", async () => {
    const { line } = await bench.open(identityModel("UINT8"));
    const { line: floats } = await bench.open(scaleModel(2));
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    assert.deepEqual(runOne(line, bytes.subarray(5, 11), SHAPE).data, bytes.slice(5, 11));
    const view = new Float32Array(new ArrayBuffer(64), 12, 4).fill(3);
    assert.deepEqual(runOne(floats, view, [1, 4]).data, new Float32Array(4).fill(6));
  });

  it("stacks jobs along dimension 0, strings too", async () => {
    const { line } = await bench.open(scaleModel(2));
    const jobs = [Float32Array.of(1, 2, 3, 4), new Float32Array(8).fill(5), new Float32Array(0)];
    const [output] = addon.runNow(line, jobs, [[3, 4]], [0]);
    assert.deepEqual(output?.data, Float32Array.of(2, 4, 6, 8, ...new Array<number>(8).fill(10)));
    const { line: texts } = await bench.open(identityModel("BYTES"));
    const [text] = addon.runNow(
      texts,
      [
        ["a", "\0", "c"],
        ["d", "", "f"],
      ],
      [SHAPE],
      [0],
    );
    assert.deepEqual(text?.data, ["a", "\0", "c", "d", "", "f"]);
  });

  it("gives outputs that stay as they are, small and large", async () => {
    const { line } = await bench.open(addConstantModel(1));
    for (const rows of [1, 3, 700, 5000, 100_000]) {
      const ask = (fill: number) =>
        runOne(line, new Float32Array(rows * 4).fill(fill), [rows, 4]).data;
      const answers = Array.from({ length: 20 }, (_, index) => ask(index));
      for (const [index, data] of answers.entries()) {
        assert.deepEqual(data, new Float32Array(rows * 4).fill(index + 1));
      }
    }
  });

  it("survives the transfer of an output's buffer to another thread", async () => {
    const { line } = await bench.open(scaleModel(2));
    const input = Float32Array.of(1, 2, 3, 4);
    const first = runOne(line, input, [1, 4]).data as Float32Array<ArrayBuffer>;
    structuredClone(first, { transfer: [first.buffer] });
    assert.deepEqual(runOne(line, input, [1, 4]).data, Float32Array.of(2, 4, 6, 8));
  });

  it("writes how long the run took", async () => {
    const { line, timing } = await bench.open(
      mlpModel({ inputs: 256, hidden: [512], outputs: 2, seed: 1 }),
    );
    timing.fill(-1);
    runOne(line, new Float32Array(64 * 256), [64, 256]);
    assert.ok((timing[0] ?? 0) > 0 && (timing[1] ?? -1) >= 0, String(timing));
  });

  it("gives the runtime's words for what the graph refuses", async () => {
    const { line } = await bench.open(scaleModel(2));
    assert.throws(() => runOne(line, new Float32Array(5), [1, 5]), /Got invalid dimensions/);
    await assert.rejects(bench.openSession(badOpModel()), /com\.example/);
    await assert.rejects(bench.openSession(Uint8Array.of(1, 2, 3)), /[Pp]rotobuf|INVALID/);
    await assert.rejects(
      addon.openSession({
        modelPath: "/nowhere.onnx",
        intraOpThreads: 1,
        engineThreads: 1,
        maxBatchRows: 0,
      }),
      /nowhere\.onnx/,
    );
  });

  it("refuses what is not as declared, before the run", async () => {
    const { session, line } = await bench.open(scaleModel(2));
    const x = new Float32Array(4);
    const cases: readonly (readonly [RegExp, () => unknown])[] = [
      [
        /expected Float32Array for "x" \(FP32\), this is Float64Array/,
        () => runOne(line, new Float64Array(4), [1, 4]),
      ],
      [
        /expected Float32Array for "x" \(FP32\), this is an array/,
        () => runOne(line, ["a"], [1, 4]),
      ],
      [/expected 8 elements .* of shape \[2,4\], these are 4/, () => runOne(line, x, [2, 4])],
      [/whole number from 0/, () => runOne(line, x, [-1, 4])],
      [/this is 1\.5/, () => runOne(line, x, [1.5, 4])],
      [/expected more than all elements|elements/, () => runOne(line, x, [2 ** 52, 2 ** 52])],
      [/a shape for each of 1 inputs, these are 0/, () => addon.runNow(line, [x], [], [0])],
      [/a multiple of 1 inputs, these are 0/, () => addon.runNow(line, [], [[0, 4]], [0])],
      [/from 0 to 0, this is 1/, () => addon.runNow(line, [x], [[1, 4]], [1])],
      [/at least one output/, () => addon.runNow(line, [x], [[1, 4]], [])],
      [/expected 1 inputs, these are 2/, () => addon.submit(line, 1, [x, x], [[2, 4]], [0], 1, 2)],
      [/this is NaN/, () => addon.submit(line, 1, [x], [[1, 4]], [0], Number.NaN, 2)],
      [
        /timing to be a Float64Array/,
        () => addon.connect(session, () => undefined, new Float64Array(1)),
      ],
    ];
    for (const [message, call] of cases) {
      assert.throws(
        call,
        (thrown) => thrown instanceof TypeError && message.test(thrown.message),
        String(message),
      );
    }
  });

  it("refuses a detached input", async () => {
    const { line } = await bench.open(scaleModel(2));
    const x = new Float32Array(4);
    structuredClone(x, { transfer: [x.buffer] });
    assert.throws(() => runOne(line, x, [1, 4]), /expected 4 elements .* these are 0/);
  });

  it("knows a line from any other object", async () => {
    const strangers: readonly unknown[] = [
      undefined,
      null,
      1,
      {},
      [],
      new Float32Array(4),
      addon,
      () => 1,
    ];
    for (const stranger of strangers) {
      const line = stranger as NativeLine;
      for (const call of [
        () => addon.runNow(line, [], [], [0]),
        () => addon.submit(line, 1, [], [], [0], 1, 2),
        () => addon.disconnect(line),
      ]) {
        assert.throws(call, { name: "TypeError", message: /expected a line/ });
      }
    }
    for (const session of [0, 1e9]) {
      assert.throws(() => addon.signatureOf(session), /not open/);
      assert.throws(() => addon.connect(session, () => undefined, new Float64Array(2)), /not open/);
      await assert.rejects(addon.closeSession(session, 0), /not open/);
    }
    assert.throws(() => addon.signatureOf("1" as unknown as number), TypeError);
  });

  it("withstands arguments whose getters call back", async () => {
    const { line } = await bench.open(scaleModel(2));
    const x = new Float32Array(4).fill(1);
    const again = { get: () => addon.runNow(line, [x], [[1, 4]], [0]) };
    const inputs = Object.defineProperty([x], "0", again);
    assert.throws(() => addon.runNow(line, inputs, [[1, 4]], [0]), /in use/);
    const disconnecting = () => {
      addon.disconnect(line);
      return x;
    };
    const ended = Object.defineProperty([x], "0", { get: disconnecting });
    assert.throws(() => addon.runNow(line, ended, [[1, 4]], [0]), /disconnected/);
    assert.throws(() => runOne(line, x, [1, 4]), /disconnected/);
  });

  it("refuses another library than the first", () => {
    const module = { exports: {} as { open(path: string): NativeAddon } };
    process.dlopen(module, new URL("./sluice.node", import.meta.url).pathname);
    assert.throws(() => module.exports.open("/nowhere/libonnxruntime.so.1"), /nowhere/);
    assert.equal(module.exports.open(libraryPath()).runtimeVersion, addon.runtimeVersion);
  });
});
