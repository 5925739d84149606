import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createDeferred } from "../server/lib/deferred.ts";
import { needs } from "../server/testing/skip.ts";
import { slowModel } from "../server/testing/tiny-models.ts";
import type { NativeAnswer } from "./addon.ts";
import { AddonBench, type OpenLine } from "./testing/addon-bench.ts";

/** Far longer than any test: a run of this is always ended from outside. */
const ENDLESS_MS = 600_000;
const RUN_MS = 10;
const OVERLOAD = 10;
const ROUNDS = 120;

const INPUT = [new Float32Array(4)];
const ROW = [[1, 4]];

/** What a run costs here and now, milliseconds; the session has learned it then. */
async function learnCost({ ask }: OpenLine): Promise<number> {
  const costs: number[] = [];
  for (let i = 0; i < 5; i += 1) costs.push((await ask(INPUT, ROW)).computeMs);
  return costs.toSorted((a, b) => a - b)[2] ?? RUN_MS;
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
    // Asked for all the same, so that the decision is seen too.
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
    assert.ok(agreed > 90, String(agreed));
    // Nobody was let in since, and yet the session knows that it is idle.
    assert.equal(isOverload(timeoutMs), false);
    assert.equal((await line.ask(INPUT, ROW, timeoutMs)).status, "done");
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
