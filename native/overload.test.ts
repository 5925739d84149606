import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createDeferred } from "../server/lib/deferred.ts";
import { needs } from "../server/testing/skip.ts";
import { modelOf, node, slowModel, value } from "../server/testing/tiny-models.ts";
import type { NativeAnswer } from "./addon.ts";
import { AddonBench, type OpenLine } from "./testing/addon-bench.ts";

/** Far longer than any test: a run of this is always ended from outside. */
const ENDLESS_MS = 600_000;
const RUN_MS = 10;
const OVERLOAD = 10;
const ROUNDS = 120;

/** One in so many predictions of an overload leaves it to `submit`, which may know better. */
const TRIED_AFTER = 17;

const INPUT = [new Float32Array(4)];
const ROW = [[1, 4]];

/** What a run costs here and now, milliseconds; the session has learned it then. */
async function learnCost({ ask }: OpenLine): Promise<number> {
  const costs: number[] = [];
  for (let i = 0; i < 5; i += 1) costs.push((await ask(INPUT, ROW)).computeMs);
  return costs.toSorted((a, b) => a - b)[2] ?? RUN_MS;
}

/** y = sin(sin(sin(x))), FP32 [batch,n]: a cost for each n. */
function wideModel(): Uint8Array {
  const steps = [node("Sin", ["x"], ["a"]), node("Sin", ["a"], ["b"]), node("Sin", ["b"], ["y"])];
  return modelOf({
    nodes: steps,
    initializers: [],
    inputs: [value("x", "FP32", ["batch", "n"])],
    outputs: [value("y", "FP32", ["batch", "n"])],
  });
}

/** So many requests for each that the session took and answered, whatever becomes of them. */
async function offer(line: OpenLine, timeoutMs: number): Promise<NativeAnswer[]> {
  const asked: Promise<NativeAnswer>[] = [];
  let taken = createDeferred<void>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let i = 0; i < OVERLOAD; i += 1) {
      const answer = line.ask(INPUT, ROW, timeoutMs);
      asked.push(answer);
      void answer.then(({ status }) => {
        if (status === "overloaded") return;
        taken.resolve();
        taken = createDeferred<void>();
      });
    }
    // An idle session refuses none: one of these is taken, or one before them still runs.
    await taken.promise;
  }
  return Promise.all(asked);
}

const withStatus = (answers: readonly NativeAnswer[], status: NativeAnswer["status"]) =>
  answers.filter((answer) => answer.status === status);

describe("the addon: more than it can do", needs("compiler"), () => {
  let bench: AddonBench;
  before(() => {
    bench = new AddonBench();
  });
  after(() => bench.end());

  it("goes on doing what it can in time, and all of it when the load has gone", async () => {
    const line = await bench.open(slowModel(RUN_MS));
    const costMs = await learnCost(line);
    const timeoutMs = 40 * costMs;
    const startMs = performance.now();
    const answers = await offer(line, timeoutMs);
    const elapsedMs = performance.now() - startMs;
    const done = withStatus(answers, "done");
    const inTime = done.filter(({ queueMs, computeMs }) => queueMs + computeMs <= timeoutMs);
    // Wall time of the runs, so that a busy machine counts on both sides. Without the policy nearly
    // all of it goes to what is late already.
    const usefulMs = inTime.reduce((sum, { computeMs }) => sum + computeMs, 0);
    assert.ok(usefulMs >= elapsedMs / 2, `${usefulMs} of ${elapsedMs} ms, ${done.length} done`);
    assert.ok(withStatus(answers, "overloaded").length > answers.length / 2);
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await line.ask(INPUT, ROW, 60_000)).status, "done");
    }
  });

  it("refuses at once, with the wait that it predicts; never a job without a deadline", async () => {
    const line = await bench.open(slowModel(RUN_MS));
    const timeoutMs = 10 * (await learnCost(line));
    const since = line.answers.length;
    const asked = Array.from({ length: 100 }, () => line.ask(INPUT, ROW, timeoutMs));
    const patient = line.ask(INPUT, ROW);
    const answers = await Promise.all(asked);
    const refused = withStatus(answers, "overloaded");
    assert.ok(refused.length >= 50, String(refused.length));
    for (const { queueMs, computeMs, batchRows, message, outputs } of refused) {
      assert.ok(queueMs > timeoutMs / 4, `${queueMs} of ${timeoutMs}`);
      assert.deepEqual([computeMs, batchRows, outputs], [0, 0, []]);
      assert.match(message ?? "", /wait/);
    }
    assert.equal((await patient).status, "done");
    const order = line.answers.slice(since).map(({ status }) => status);
    assert.ok(order.indexOf("overloaded") < order.lastIndexOf("done"), order.join(" "));
  });

  it("lets what is due sooner in, past what could wait", async () => {
    const line = await bench.open(slowModel(RUN_MS));
    const costMs = await learnCost(line);
    const patient = Array.from({ length: 20 }, () => line.ask(INPUT, ROW, 1e6));
    // Sooner than the ageing of those before it, and too soon to wait for all of them.
    const urgent = await line.ask(INPUT, ROW, Math.min(200, 15 * costMs));
    assert.notEqual(urgent.status, "overloaded");
    const statuses = (await Promise.all(patient)).map(({ status }) => status);
    assert.deepEqual(statuses, new Array(20).fill("done"));
  });

  it("predicts what it would refuse, for as long as it would", async () => {
    const line = await bench.open(slowModel(RUN_MS));
    const { addon } = bench;
    const isOverload = (timeoutMs: number) => addon.predictOverload(line.line, timeoutMs) > 0;
    const timeoutMs = 10 * (await learnCost(line));
    assert.equal(isOverload(timeoutMs), false);
    assert.equal(isOverload(0), false);
    // Asked for all the same, so that the decision is seen too. One kind only, so that what is not
    // predicted now and then, in case there is another, is refused by `submit`.
    const asked: { isPredicted: boolean; answer: Promise<NativeAnswer> }[] = [];
    for (let i = 0; i < 100; i += 1) {
      asked.push({ isPredicted: isOverload(timeoutMs), answer: line.ask(INPUT, ROW, timeoutMs) });
    }
    assert.equal(isOverload(Number.POSITIVE_INFINITY), false);
    assert.equal(isOverload(1e6), false);
    let predicted = 0;
    let agreed = 0;
    for (const { isPredicted, answer } of asked) {
      const isRefused = (await answer).status === "overloaded";
      if (isPredicted) predicted += 1;
      if (isPredicted === isRefused) agreed += 1;
    }
    assert.ok(predicted > 10, String(predicted));
    // Work goes on between the two, and a thread may lose its core there.
    assert.ok(agreed > 90 - asked.length / TRIED_AFTER, String(agreed));
    // Nobody was let in since, and yet the session knows that it is idle.
    assert.equal(isOverload(timeoutMs), false);
    assert.equal((await line.ask(INPUT, ROW, timeoutMs)).status, "done");
  });

  it("keeps no kind away that it never ran, and then judges it by its cost", async () => {
    const line = await bench.open(wideModel());
    const dear = { inputs: [new Float32Array(1_500_000)], shapes: [[1, 1_500_000]] };
    const runDear = () => line.ask(dear.inputs, dear.shapes);
    const costs: number[] = [];
    for (let i = 0; i < 5; i += 1) costs.push((await runDear()).computeMs);
    const dearMs = costs.reduce((sum, costMs) => sum + costMs, 0) / costs.length;
    const predict = (timeoutMs: number) => bench.addon.predictOverload(line.line, timeoutMs);
    // More than the ageing, so that all of the queue is due before.
    const count = Math.ceil(200 / dearMs);
    for (const isKnown of [false, true]) {
      const queued = Array.from({ length: count }, runDear);
      const waitMs = predict(260);
      // What waits longer than half of its time is refused whatever it costs: no try is spent on it.
      for (let i = 0; i < 2 * TRIED_AFTER; i += 1) assert.ok(predict(260) > 0);
      // The wait alone fits, with a tenth of what the cheapest known kind would need.
      const timeoutMs = 2 * (waitMs + dearMs / 10);
      const tries = Array.from({ length: TRIED_AFTER }, () => predict(timeoutMs) > 0);
      const letIn = tries.filter((isRefused) => !isRefused).length;
      assert.equal(letIn, isKnown ? TRIED_AFTER : 1, `${waitMs} ms, ${dearMs} ms`);
      const { status } = await line.ask(INPUT, ROW, timeoutMs);
      assert.equal(status, "done");
      await Promise.all(queued);
    }
  });

  it("refuses nobody by prediction once it is closed", async () => {
    const line = await bench.open(slowModel(RUN_MS));
    const timeoutMs = 10 * (await learnCost(line));
    const asked = Array.from({ length: 50 }, () => line.ask(INPUT, ROW, timeoutMs));
    assert.ok(bench.addon.predictOverload(line.line, timeoutMs) > 0);
    const closing = bench.addon.closeSession(line.session, 0);
    assert.equal(bench.addon.predictOverload(line.line, timeoutMs), 0);
    await Promise.all([closing, ...asked]);
    bench.addon.disconnect(line.line);
    assert.throws(() => bench.addon.predictOverload(line.line, timeoutMs), /disconnected/);
    assert.throws(() => bench.addon.predictOverload({} as never, timeoutMs), TypeError);
  });

  it("does not run what cannot be done in time, and yet tries it now and then", async () => {
    const line = await bench.open(slowModel(100));
    const timeoutMs = (await learnCost(line)) / 4;
    const unseen = [/could not be done in time/, /during the run/];
    while (unseen.length > 0) {
      const { status, message } = await line.ask(INPUT, ROW, timeoutMs);
      assert.equal(status, "deadline-exceeded");
      const seen = unseen.findIndex((words) => words.test(message ?? ""));
      if (seen >= 0) unseen.splice(seen, 1);
    }
  });

  it("tells of a deadline while every thread is busy", async () => {
    const line = await bench.open(slowModel(ENDLESS_MS));
    void line.ask(INPUT, ROW);
    const late = await Promise.all([30, 10].map((timeoutMs) => line.ask(INPUT, ROW, timeoutMs)));
    assert.deepEqual(
      late.map(({ status }) => status),
      ["deadline-exceeded", "deadline-exceeded"],
    );
  });
});
