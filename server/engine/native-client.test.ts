import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { NativeAddon, NativeAnswer } from "../../native/addon.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { Job, JobResult, ServableInfo } from "../models/servable.ts";
import type { ConnectedServable } from "./connected-servable.ts";
import { connectNative } from "./native-client.ts";
import { createRunBlock, RunReader } from "./run-counters.ts";
import { createFakeAddon, type FakeAddon } from "./testing/fake-addon.ts";

const MAX_ROWS = 8;
const WIDTH = 4;

function infoOf(maxRows: number | null): ServableInfo {
  return {
    key: "m/1",
    id: { model: "m", version: 1 },
    platform: "onnx_onnxv1",
    signature: {
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, -1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, -1] }],
    },
    batching: maxRows === null ? null : { maxRows },
    maxQueue: 1000,
    slot: 1,
  };
}

function jobOf(value: number, rows = 1, width = WIDTH, deadlineEpochMs: number | null = null): Job {
  const data = new Float32Array(rows * width).fill(value);
  const x: Tensor = { name: "x", datatype: "FP32", shape: [rows, width], data };
  return { inputs: [x], outputs: ["y"], deadlineEpochMs };
}

function firstOf({ outputs }: JobResult): number | undefined {
  const [y] = outputs;
  assert.ok(y?.data instanceof Float32Array);
  return y.data[0];
}

describe("native client", () => {
  let fake: FakeAddon;
  let runs: RunReader;
  let client: ConnectedServable;
  const connect = (maxRows: number | null, inlineBudgetUs = 200) => {
    fake = createFakeAddon();
    runs = new RunReader();
    const block = createRunBlock();
    runs.watch(block);
    client = connectNative(
      infoOf(maxRows),
      { kind: "native", session: 1, inlineBudgetUs, sampleMs: null, runs: block },
      fake.addon,
    );
  };
  /** Engine runs that prove a class cheap; what they did is forgotten. */
  const prove = async (width = WIDTH, rows = 1) => {
    for (let i = 0; i < 3; i += 1) await client.run(jobOf(1, rows, width));
    (fake.runs as unknown[]).length = 0;
  };
  const rowsRun = (kind: "now" | "submitted") =>
    fake.runs.filter((run) => run.kind === kind).map((run) => run.shapes[0]?.[0]);
  const connectUnstacked = () => {
    connect(null);
    fake.costUs = () => 18;
  };
  beforeEach(() => connect(MAX_ROWS));

  it("sends the first requests to the engine, cheap ones after that to this thread", async () => {
    for (let i = 0; i < 5; i += 1) assert.equal(firstOf(await client.run(jobOf(i))), 2 * i);
    assert.deepEqual(
      fake.runs.map((run) => run.kind),
      ["submitted", "submitted", "submitted", "now", "now"],
    );
    assert.equal(runs.batches("engine", "alone"), 3);
    assert.equal(runs.batches("inline", "alone"), 2);
  });

  it("makes one batch of what came in one turn, and gives each its rows", async () => {
    await prove();
    fake.costUs = (rows) => 10 + rows;
    await client.run(jobOf(0, 4));
    const jobs = [jobOf(1, 1), jobOf(2, 3), jobOf(3, 2)];
    const results = await Promise.all(jobs.map((job) => client.run(job)));
    assert.deepEqual(rowsRun("now"), [4, 6]);
    assert.deepEqual(
      results.map(({ outputs }) => outputs[0]?.shape),
      [
        [1, WIDTH],
        [3, WIDTH],
        [2, WIDTH],
      ],
    );
    assert.deepEqual(results.map(firstOf), [2, 4, 6]);
    assert.deepEqual(
      results.map(({ batchRows }) => batchRows),
      [6, 6, 6],
    );
    assert.equal(runs.batches("inline", "all-waiting"), 1);
  });

  it("closes a batch at maxBatchRows", async () => {
    await prove();
    await client.run(jobOf(0, 4));
    const jobs = Array.from({ length: 20 }, (_, i) => client.run(jobOf(i)));
    assert.deepEqual(
      (await Promise.all(jobs)).map(firstOf),
      jobs.map((_, i) => 2 * i),
    );
    assert.deepEqual(rowsRun("now"), [4, 8, 8, 4]);
    assert.equal(runs.batches("inline", "rows-full"), 2);
  });

  it("closes a batch where it would pass the budget", async () => {
    await prove();
    fake.costUs = (rows) => 60 * rows;
    for (const rows of [1, 2, 3, 2, 3, 1, 3, 2, 3]) await client.run(jobOf(0, rows));
    (fake.runs as unknown[]).length = 0;
    await Promise.all(Array.from({ length: 6 }, (_, i) => client.run(jobOf(i))));
    assert.deepEqual(rowsRun("now"), [3, 3]);
    assert.equal(runs.batches("inline", "budget"), 1);
  });

  it("sends a batch that is predicted to be dear to the engine", async () => {
    await prove();
    fake.costUs = (rows) => 60 * rows;
    await client.run(jobOf(0));
    await client.run(jobOf(0, 8));
    assert.deepEqual(rowsRun("now"), [1]);
    assert.deepEqual(rowsRun("submitted"), [8]);
  });

  it("sends everything to the engine after an overrun", async () => {
    await prove();
    fake.costUs = () => 500;
    await client.run(jobOf(0));
    await client.run(jobOf(0));
    assert.deepEqual(
      fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });

  it("runs nothing here with a budget of 0", async () => {
    connect(MAX_ROWS, 0);
    await prove();
    await client.run(jobOf(0));
    assert.deepEqual(rowsRun("now"), []);
  });

  it("keeps classes of shapes apart, each with what it has learned", async () => {
    await prove(WIDTH);
    await client.run(jobOf(5, 1, 3));
    assert.deepEqual(rowsRun("submitted"), [1]);
    await prove(3);
    const jobs = [jobOf(1, 1, WIDTH), jobOf(2, 1, 3), jobOf(3, 1, WIDTH), jobOf(4, 1, 3)];
    fake.costUs = () => 1;
    await client.run(jobOf(0, 2, WIDTH));
    await client.run(jobOf(0, 2, 3));
    const results = await Promise.all(jobs.map((job) => client.run(job)));
    assert.deepEqual(results.map(firstOf), [2, 4, 6, 8]);
    assert.deepEqual(rowsRun("now"), [2, 2, 2, 2]);
    assert.equal(runs.batches("inline", "shape"), 1);
  });

  it("bounds a turn: what is beyond goes to the engine", async () => {
    connect(null);
    await prove();
    fake.costUs = () => 150;
    await client.run(jobOf(0));
    (fake.runs as unknown[]).length = 0;
    const jobs = Array.from({ length: 12 }, (_, i) => client.run(jobOf(i)));
    assert.deepEqual(
      (await Promise.all(jobs)).map(firstOf),
      jobs.map((_, i) => 2 * i),
    );
    assert.equal(rowsRun("now").length, 7);
    assert.equal(rowsRun("submitted").length, 5);
  });

  it("bounds a turn: what costs less than handing it over waits for the next", async () => {
    connect(null);
    await prove();
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const jobs = Array.from({ length: 250 }, (_, i) => client.run(jobOf(i)));
    assert.deepEqual(
      (await Promise.all(jobs)).map(firstOf),
      jobs.map((_, i) => 2 * i),
    );
    isDone = true;
    assert.equal(rowsRun("now").length, 250);
    assert.ok(turns >= 3, `10 µs each and 1 ms a turn: ${turns} turns`);
  });

  it("runs a refused batch again one by one: a bad request fails alone", async () => {
    await prove();
    await client.run(jobOf(0, 8));
    fake.refuses = 3;
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map((value) => client.run(jobOf(value))),
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "fulfilled", "rejected", "fulfilled"],
    );
    const { reason } = outcomes[2] as PromiseRejectedResult;
    assert.ok(reason instanceof InferError);
    assert.equal(reason.code, "invalid-argument");
    assert.equal(reason.message, "the model's graph refused the request: a value is out of range");
  });

  it("stops stacking when an output has lost rows", async () => {
    await prove();
    await client.run(jobOf(0, 8));
    fake.lostRows = 1;
    await Promise.all([1, 2, 3].map((value) => client.run(jobOf(value, 2))));
    assert.deepEqual(rowsRun("now"), [8, 6, 2, 2, 2]);
    assert.equal(runs.batches("inline", "not-batchable"), 3);
  });

  it("answers a request whose deadline passed without a run", async () => {
    await prove();
    for (const isInline of [true, false]) {
      if (!isInline) connect(MAX_ROWS);
      const late = client.run(jobOf(1, 1, WIDTH, 1));
      await assert.rejects(late, (e) => e instanceof InferError && e.code === "deadline-exceeded");
      assert.deepEqual(fake.runs, []);
    }
  });

  it("tells refusals of the engine's threads in the same words", async () => {
    fake.refuses = 7;
    await assert.rejects(client.run(jobOf(7)), {
      code: "invalid-argument",
      message: "the model's graph refused the request: a value is out of range",
    });
  });

  it("tells what would wait too long how long, and when to try again", async () => {
    const { addon } = createFakeAddon();
    let answer: (answers: readonly NativeAnswer[]) => void = () => undefined;
    const overloaded: NativeAddon = {
      ...addon,
      connect: (session, onAnswers, timing) => {
        answer = onAnswers;
        return addon.connect(session, onAnswers, timing);
      },
      submit: (_line, jobId) => {
        const times = { queueMs: 120.4, computeMs: 0, batchRows: 0 };
        const refusal = { jobId, status: "overloaded", message: "words of the addon" } as const;
        setImmediate(() => answer([{ ...refusal, ...times, outputs: [] }]));
      },
    };
    const channel = { kind: "native", session: 1, inlineBudgetUs: 200, sampleMs: null } as const;
    const busy = connectNative(infoOf(8), { ...channel, runs: createRunBlock() }, overloaded);
    await assert.rejects(busy.run(jobOf(1, 1, WIDTH, epochNowMs() + 200)), (thrown) => {
      assert.ok(thrown instanceof InferError);
      assert.equal(thrown.code, "queue-full");
      assert.equal(thrown.retryAfterMs, 121);
      assert.match(
        thrown.message,
        /^model 'm' has work for about 121 ms before this request, too much for its deadline in \d+ ms$/,
      );
      return true;
    });
  });

  it("does not show a fault of ours to a client", async () => {
    await prove();
    const addon = fake.addon as { runNow: unknown };
    addon.runNow = () => {
      throw new TypeError("line is not a line");
    };
    await assert.rejects(client.run(jobOf(1)), TypeError);
  });

  it("sends what outlasts its limit here to the engine, and its class for long", async () => {
    await prove();
    fake.costUs = (rows) => (rows === 1 ? 1e9 : 10);
    assert.equal(firstOf(await client.run(jobOf(21))), 42);
    assert.deepEqual(
      fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });

  it("learns nothing from a call that ran nothing", async () => {
    await prove();
    fake.costUs = () => 150;
    for (let i = 0; i < 100; i += 1) await client.run(jobOf(1));
    const { runNow } = fake.addon;
    const addon = fake.addon as { runNow: unknown };
    addon.runNow = () => {
      throw new Error("the session was closed");
    };
    for (let i = 0; i < 200; i += 1) await assert.rejects(client.run(jobOf(1)));
    addon.runNow = runNow;
    fake.costUs = () => 190;
    (fake.runs as unknown[]).length = 0;
    // By zeros learned, two rows would be cheap.
    await client.run(jobOf(1, 2));
    assert.deepEqual(rowsRun("submitted"), [2]);
  });

  it("learns the cost of runs that the graph refused", async () => {
    await prove();
    fake.refuses = 7;
    fake.costUs = () => 5000;
    await assert.rejects(client.run(jobOf(7)));
    await assert.rejects(client.run(jobOf(7)));
    assert.deepEqual(
      fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });

  it("lets no class of shapes wait for ever behind another", async () => {
    connectUnstacked();
    await prove(WIDTH, 1);
    await prove(2, 1);
    let isDone = false;
    const busy: Promise<unknown>[] = [];
    for (let i = 0; i < 200; i += 1) busy.push(client.run(jobOf(1)));
    void client.run(jobOf(1, 1, 2)).then(() => {
      isDone = true;
    });
    // 1 ms of runs a turn: the first class alone takes several.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.ok(isDone);
    await Promise.all(busy);
    assert.equal(fake.runs.length, 201);
  });

  it("rejects an expired request in the midst of a batch, and answers its neighbours", async () => {
    await prove();
    const jobs = [jobOf(1), jobOf(2, 1, WIDTH, 1), jobOf(3)].map((job) => client.run(job));
    const outcomes = await Promise.allSettled(jobs);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
  });

  it("gives back what still waits when it is closed", async () => {
    await prove();
    const waiting = client.run(jobOf(1));
    const submitted = client.run(jobOf(1, 1, 77));
    client.close();
    for (const each of [waiting, submitted]) {
      await assert.rejects(each, (e) => e instanceof InferError && e.code === "unavailable");
    }
  });

  it("stacks no more once the rows of a stack did not come out", async () => {
    await prove();
    fake.lostRows = 1;
    const first = [jobOf(1, 2), jobOf(2, 2)].map((job) => client.run(job));
    await Promise.all(first);
    const later = [jobOf(3, 2), jobOf(4, 2)].map((job) => client.run(job));
    await Promise.all(later);
    assert.deepEqual(rowsRun("now"), [4, 2, 2, 2, 2]);
  });

  it("stacks nothing with a request without rows", async () => {
    await prove();
    const jobs = [jobOf(1), jobOf(2, 0), jobOf(3)].map((job) => client.run(job));
    const answers = await Promise.all(jobs);
    assert.deepEqual(rowsRun("now"), [1, 0, 1]);
    assert.deepEqual(
      answers.map(({ batchRows }) => batchRows),
      [1, 1, 1],
    );
  });

  it("learns from an engine's batch as a whole, and counts it once", async () => {
    let answer: (answers: readonly NativeAnswer[]) => void = () => undefined;
    const { addon } = fake;
    const stacking: NativeAddon = {
      ...addon,
      connect: (session, onAnswers, timing) => {
        answer = onAnswers;
        return addon.connect(session, onAnswers, timing);
      },
      submit: (_line, jobId) => {
        const times = { queueMs: 0, computeMs: 0.15, batchRows: 4 };
        const outputs = [{ data: new Float32Array(WIDTH), shape: [1, WIDTH] }];
        setImmediate(() => answer([{ jobId, status: "done", message: null, ...times, outputs }]));
      },
    };
    const block = createRunBlock();
    runs = new RunReader();
    runs.watch(block);
    const channel = { kind: "native", session: 1, inlineBudgetUs: 200, sampleMs: null } as const;
    const batched = connectNative(infoOf(MAX_ROWS), { ...channel, runs: block }, stacking);
    await Promise.all([1, 2, 3, 4].map((value) => batched.run(jobOf(value))));
    assert.equal(runs.batches("engine", "all-waiting"), 1);
    // 150 µs are the price of four rows, not of one.
    await batched.run(jobOf(0, 3));
    assert.deepEqual(rowsRun("now"), [3]);
  });

  it("counts the engine's runs that were refused, too", async () => {
    fake.refuses = 7;
    await assert.rejects(client.run(jobOf(7)));
    assert.equal(runs.batches("engine", "alone"), 1);
  });

  it("hands out views, not copies, of a stacked output", async () => {
    await prove();
    await client.run(jobOf(0, 4));
    const [a, b] = await Promise.all([client.run(jobOf(1)), client.run(jobOf(2))]);
    const [left, right] = [a, b].map(({ outputs }) => outputs[0]?.data as Float32Array);
    assert.equal(left?.buffer, right?.buffer);
    left?.fill(9);
    assert.deepEqual([...(right as Float32Array)], [4, 4, 4, 4]);
  });

  it("takes the largest dimension 0 as the cost where inputs do not agree on rows", async () => {
    connect(null);
    const odd = (rows: number): Job => {
      const [x] = jobOf(1, rows).inputs as [Tensor];
      const state: Tensor = { ...x, name: "h", shape: [2, 2], data: new Float32Array(4) };
      return { inputs: [state, x], outputs: ["y"], deadlineEpochMs: null };
    };
    for (let i = 0; i < 3; i += 1) await client.run(odd(2));
    (fake.runs as unknown[]).length = 0;
    await client.run(odd(2));
    await client.run(odd(1000));
    assert.deepEqual(
      fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });
});
