import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { needs } from "../server/testing/skip.ts";
import {
  crossRowModel,
  floats,
  identityModel,
  intAttribute,
  intsAttribute,
  modelOf,
  node,
  scaleModel,
  slowModel,
  stateModel,
  value,
} from "../server/testing/tiny-models.ts";
import type { NativeAddon } from "./addon.ts";
import { AddonBench } from "./testing/addon-bench.ts";

/** Far longer than any test: a run of this is always ended from outside. */
const ENDLESS_MS = 600_000;
/** Holds a thread long enough for what is submitted next to wait for it. */
const HOLD_MS = 150;
const MOST_ROWS = 64;

/** More rows than may be stacked: it runs first and alone, whenever the thread gets to it. */
const HOLD: readonly [Float32Array[], number[][]] = [
  [new Float32Array(4 * (MOST_ROWS + 1))],
  [[MOST_ROWS + 1, 4]],
];

/** A lookup of so many rows takes milliseconds. */
const LONG_ROWS = 1_000_000;

/** y = 10 + x for an INT64 x from 0 to 3, [batch]; the graph refuses others. */
function lookupModel(): Uint8Array {
  return modelOf({
    nodes: [node("Gather", ["table", "x"], ["y"])],
    initializers: [floats("table", [4], [10, 11, 12, 13])],
    inputs: [value("x", "INT64", ["batch"])],
    outputs: [value("y", "FP32", ["batch"])],
  });
}

/**
 * The lookup for INT64 x of [batch,n], which the graph refuses late: tens of milliseconds go
 * into a zero that the table needs.
 */
function slowLookupModel(): Uint8Array {
  return modelOf({
    nodes: [
      node("Cast", ["x"], ["number"], [intAttribute("to", 1)]),
      node("ReduceMin", ["number"], ["least"], [intAttribute("keepdims", 0)]),
      node("Cast", ["count"], ["many"], [intAttribute("to", 7)]),
      node("Expand", ["least", "many"], ["a"]),
      node("Sin", ["a"], ["b"]),
      node("Sin", ["b"], ["c"]),
      node("Sin", ["c"], ["d"]),
      node("ReduceMin", ["d"], ["e"], [intAttribute("keepdims", 0)]),
      node("Mul", ["e", "none"], ["zero"]),
      node("Add", ["table", "zero"], ["slow_table"]),
      node("Gather", ["slow_table", "x"], ["y"]),
    ],
    initializers: [
      floats("count", [1], [3_000_000]),
      floats("none", [], [0]),
      floats("table", [4], [10, 11, 12, 13]),
    ],
    inputs: [value("x", "INT64", ["batch", "n"])],
    outputs: [value("y", "FP32", ["batch", "n"])],
  });
}

/** y = the mean row of x, FP32 [batch,4] to [1,4]. */
function meanRowModel(): Uint8Array {
  return modelOf({
    nodes: [node("ReduceMean", ["x"], ["y"], [intsAttribute("axes", [0])])],
    initializers: [],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", [1, 4])],
  });
}

const row = (fill: number) => new Float32Array(4).fill(fill);
const ROW = [[1, 4]];

describe("the addon: submitted jobs", needs("compiler"), () => {
  let bench: AddonBench;
  let addon: NativeAddon;
  before(() => {
    bench = new AddonBench();
    addon = bench.addon;
  });
  after(() => bench.end());

  it("answers with outputs and times", async () => {
    const { ask } = await bench.open(scaleModel(3));
    const answer = await ask([row(2)], ROW);
    assert.deepEqual(answer.outputs, [{ data: row(6), shape: [1, 4] }]);
    assert.equal(answer.status, "done");
    assert.equal(answer.message, null);
    assert.equal(answer.batchRows, 1);
    assert.ok(answer.queueMs >= 0 && answer.computeMs >= 0);
  });

  it("carries large inputs, strings and scalars", async () => {
    const large = await bench.open(scaleModel(2));
    const input = Float32Array.from({ length: 40_000 }, (_, index) => index);
    const answer = await large.ask([input], [[10_000, 4]]);
    assert.deepEqual(
      answer.outputs[0]?.data,
      input.map((element) => element * 2),
    );
    const texts = await bench.open(identityModel("BYTES"));
    const text = await texts.ask([["", "\0a", "\u6c34"]], [[1, 3]]);
    assert.deepEqual(text.outputs[0]?.data, ["", "\0a", "\u6c34"]);
    const state = await bench.open(stateModel(), { maxBatchRows: 8 });
    const inputs = [Float32Array.of(1, 3), new Float32Array(256), BigInt64Array.of(8n)];
    const shapes = [[1, 2], [2, 1, 128], []];
    const both = await state.ask(inputs, shapes, 1000, [1, 0]);
    assert.equal(both.batchRows, 1);
    assert.deepEqual(both.outputs[1]?.data, Float32Array.of(2));
  });

  it("stacks what waited, and gives each its own rows", async () => {
    const { ask } = await bench.open(slowModel(HOLD_MS), { maxBatchRows: MOST_ROWS });
    const held = ask(...HOLD);
    const waiting = Array.from({ length: 10 }, (_, index) =>
      ask([new Float32Array(4 * (index + 1)).fill(index)], [[index + 1, 4]]),
    );
    assert.equal((await held).batchRows, MOST_ROWS + 1);
    for (const [index, answer] of (await Promise.all(waiting)).entries()) {
      assert.equal(answer.status, "done");
      assert.equal(answer.batchRows, 55);
      assert.deepEqual(answer.outputs, [
        { data: new Float32Array(4 * (index + 1)).fill(index), shape: [index + 1, 4] },
      ]);
    }
  });

  it("stacks strings, and large rows without a copy of each", async () => {
    const texts = await bench.open(identityModel("BYTES"), { maxBatchRows: 64 });
    const floats = await bench.open(identityModel("FP32"), { maxBatchRows: 60_000 });
    const rows = 20_000;
    const [large, text] = await Promise.all([
      Promise.all(
        [1, 2, 3, 4, 5].map((fill) =>
          floats.ask([new Float32Array(rows * 3).fill(fill)], [[rows, 3]]),
        ),
      ),
      Promise.all(["a", "\0", "", "dd"].map((word) => texts.ask([[word, "", word]], [[1, 3]]))),
    ]);
    for (const [index, { outputs }] of large.entries()) {
      assert.deepEqual(outputs[0]?.data, new Float32Array(rows * 3).fill(index + 1));
    }
    assert.deepEqual(
      text.map(({ outputs }) => outputs[0]?.data),
      [
        ["a", "", "a"],
        ["\0", "", "\0"],
        ["", "", ""],
        ["dd", "", "dd"],
      ],
    );
  });

  it("never stacks where it was told not to, nor unequal shapes", async () => {
    const alone = await bench.open(crossRowModel());
    const answers = await Promise.all([1, 2, 3, 4].map((fill) => alone.ask([row(fill)], ROW)));
    assert.ok(answers.every(({ batchRows }) => batchRows === 1));
    const { ask } = await bench.open(slowModel(HOLD_MS), { maxBatchRows: MOST_ROWS });
    const held = ask(...HOLD);
    const pair = [ask([row(1)], ROW), ask([row(2)], ROW)];
    const wide = ask([new Float32Array(8)], [[1, 8]]);
    const message = (await wide).message ?? "";
    assert.match(message, /Got invalid dimensions/);
    assert.deepEqual(
      (await Promise.all([held, ...pair])).map(({ status }) => status),
      ["done", "done", "done"],
    );
  });

  it("halves a stack that the graph refuses, until the bad one is alone", async () => {
    const { ask } = await bench.open(lookupModel(), { maxBatchRows: MOST_ROWS });
    const at = (index: number) => ask([BigInt64Array.of(BigInt(index))], [[1]]);
    // The eight wait for one long run; where a busy machine let some of them run sooner, again.
    for (let tries = 0; ; tries += 1) {
      const held = ask([new BigInt64Array(LONG_ROWS)], [[LONG_ROWS]]);
      const answers = await Promise.all([0, 1, 7, 3, 0, 1, 2, 3].map(at));
      assert.equal((await held).status, "done");
      assert.deepEqual(
        answers.map(({ outputs, status }) => outputs[0]?.data ?? status),
        [10, 11, "refused", 13, 10, 11, 12, 13].map((x) =>
          typeof x === "number" ? Float32Array.of(x) : x,
        ),
      );
      const rows = answers.map(({ batchRows }) => batchRows);
      if (rows.at(-1) !== 4 && tries < 20) continue;
      assert.deepEqual(rows, [2, 2, 1, 1, 4, 4, 4, 4]);
      return;
    }
  });

  it("answers what became late while its stack was taken apart", async () => {
    const { ask } = await bench.open(slowLookupModel(), { maxBatchRows: MOST_ROWS });
    // Of another kind, so that the cost of those below is not known: they are stacked then.
    const hold = () => ask([new BigInt64Array(1)], [[1, 1]]);
    const { computeMs } = await hold();
    // Later than the ageing, so that it is the last of its stack.
    const timeoutMs = Math.max(260, 3 * computeMs);
    const at = (index: number, mostMs?: number) =>
      ask([BigInt64Array.of(BigInt(index), 0n)], [[1, 2]], mostMs);
    // Before the part that the late one is in come nine runs: the one that all wait for, the stack,
    // its half, the two halves of that, and those jobs alone.
    const held = hold();
    const bad = Array.from({ length: 6 }, () => at(9));
    const late = await at(2, timeoutMs);
    assert.equal((await held).status, "done");
    for (const { status } of await Promise.all(bad)) assert.equal(status, "refused");
    assert.equal(late.status, "deadline-exceeded");
    assert.match(late.message ?? "", /before the run/);
    assert.equal(late.batchRows, 0);
  });

  it("counts what is left of a stack until all of it was answered", async () => {
    const { ask, line } = await bench.open(slowLookupModel(), { maxBatchRows: MOST_ROWS });
    const at = (index: number) => ask([BigInt64Array.of(BigInt(index))], [[1, 1]]);
    const { computeMs } = await at(0);
    const asked = [at(1), at(9), at(2), at(3)];
    assert.deepEqual([(await asked[0])?.status, (await asked[1])?.status], ["done", "refused"]);
    // The two others are run now.
    assert.ok(addon.predictOverload(line, 10) > computeMs / 4);
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.deepEqual(statuses, ["done", "refused", "done", "done"]);
    assert.equal(addon.predictOverload(line, 10), 0);
  });

  it("runs each alone at once where a stack has other rows than its jobs", async () => {
    const { ask } = await bench.open(meanRowModel(), { maxBatchRows: MOST_ROWS });
    const held = ask([new Float32Array(4 * LONG_ROWS)], [[LONG_ROWS, 4]]);
    const answers = await Promise.all([1, 2, 3, 4].map((fill) => ask([row(fill)], ROW)));
    assert.equal((await held).status, "done");
    assert.deepEqual(
      answers.map(({ batchRows, outputs }) => [batchRows, outputs[0]?.data]),
      [1, 2, 3, 4].map((fill) => [1, row(fill)]),
    );
  });

  it("answers those that are due first first", async () => {
    const { ask, answers } = await bench.open(slowModel(10));
    const held = ask([row(0)], ROW, 150);
    const late = [ask([row(1)], ROW, 60_000), ask([row(2)], ROW)];
    const urgent = ask([row(3)], ROW, 200);
    await Promise.all([held, ...late, urgent]);
    assert.deepEqual(
      answers.map(({ jobId }) => jobId),
      [1, 4, 2, 3],
    );
  });

  it("drops what is late before its run", async () => {
    const { ask } = await bench.open(slowModel(HOLD_MS));
    const held = ask([row(0)], ROW);
    const [late, never] = await Promise.all([ask([row(1)], ROW, 0), ask([row(2)], ROW, -5)]);
    for (const answer of [late, never]) {
      assert.equal(answer.status, "deadline-exceeded");
      assert.match(answer.message ?? "", /before the run/);
      assert.deepEqual(answer.outputs, []);
      assert.equal(answer.batchRows, 0);
    }
    assert.equal((await held).status, "done");
  });

  it("ends a run that nobody waits for, and goes on", async () => {
    const { ask } = await bench.open(slowModel(ENDLESS_MS));
    for (const timeoutMs of [1, 50]) {
      const answer = await ask([row(1)], ROW, timeoutMs);
      assert.equal(answer.status, "deadline-exceeded");
      assert.equal(answer.outputs.length, 0);
    }
    const quick = await bench.open(scaleModel(2));
    assert.equal((await quick.ask([row(1)], ROW, 60_000)).status, "done");
  });

  it("closes with runs under way: after grace they are ended, what waits is answered", async () => {
    const { ask, session, line } = await bench.open(slowModel(ENDLESS_MS), { engineThreads: 2 });
    const asked = Array.from({ length: 5 }, (_, index) => ask([row(index)], ROW));
    await addon.closeSession(session, 20);
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.deepEqual(statuses, new Array(5).fill("closed"));
    assert.equal((await ask([row(1)], ROW)).status, "closed");
    assert.throws(() => addon.runNow(line, [row(1)], ROW, [0]), /closed/);
    await assert.rejects(addon.closeSession(session, 0), /not open/);
  });

  it("lets a run end by itself within the grace", async () => {
    const { ask, session } = await bench.open(slowModel(50));
    const asked = ask([row(1)], ROW);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await addon.closeSession(session, 60_000);
    assert.equal((await asked).status, "done");
  });

  it("tells a disconnected line nothing more", async () => {
    const { session, ...one } = await bench.open(slowModel(HOLD_MS));
    const other = bench.connect(session);
    void one.ask([row(1)], ROW);
    void one.ask([row(2)], ROW);
    addon.disconnect(one.line);
    addon.disconnect(one.line);
    assert.equal((await other.ask([row(3)], ROW)).status, "done");
    assert.deepEqual(one.answers, []);
    assert.throws(() => addon.submit(one.line, 1, [row(1)], ROW, [0], 1, 2), /disconnected/);
  });

  it("serves several lines of one session at once, on several threads", async () => {
    const { session } = await bench.open(scaleModel(2), { engineThreads: 4, maxBatchRows: 16 });
    const lines = Array.from({ length: 8 }, () => bench.connect(session));
    const asked = lines.flatMap(({ ask }, index) =>
      Array.from({ length: 200 }, async (_, turn) => {
        const { outputs } = await ask([row(index * 1000 + turn)], ROW);
        assert.deepEqual(outputs[0]?.data, row(2 * (index * 1000 + turn)));
      }),
    );
    await Promise.all(asked);
  });

  it("lets a listener's error out as an uncaught one", async () => {
    const { session } = await bench.open(scaleModel(2));
    const line = addon.connect(
      session,
      () => {
        throw new Error("a listener's own");
      },
      new Float64Array(2),
    );
    const uncaught = new Promise<Error>((resolve) => {
      process.setUncaughtExceptionCaptureCallback(resolve);
    });
    addon.submit(line, 1, [row(1)], ROW, [0], 1000, 2);
    const thrown = await uncaught;
    process.setUncaughtExceptionCaptureCallback(null);
    addon.disconnect(line);
    assert.equal(thrown.message, "a listener's own");
  });
});
