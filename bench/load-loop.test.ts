import assert from "node:assert/strict";
import { test } from "node:test";
import { InferError } from "../protocols/core/status.ts";
import { AnswerCheck } from "./answer-check.ts";
import type { Clock } from "./clock.ts";
import { Histogram } from "./histogram.ts";
import { ANSWERED, type Lane, type Outcome } from "./lane.ts";
import { LoadLoop, type LoadShape } from "./load-loop.ts";
import { LoadRecorder, type LoadTally } from "./load-recorder.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

const SHAPE: LoadShape = {
  ratePerSec: null,
  warmupMs: 0,
  durationMs: 10_000,
  graceMs: 5000,
  poolSize: 4,
  sliceMs: null,
};

/** Answers `serviceMs(n)` after request n was sent. */
function fakeLane(
  clock: Clock,
  serviceMs: (sent: number) => number,
  outcome: Outcome = ANSWERED,
): Lane & { sentAt: number[] } {
  const sentAt: number[] = [];
  return {
    sentAt,
    async send() {
      sentAt.push(clock.now());
      await clock.sleepUntil(clock.now() + serviceMs(sentAt.length - 1));
      return outcome;
    },
    close: () => undefined,
  };
}

async function drive(
  shape: LoadShape,
  clock: VirtualClock,
  lanes: readonly Lane[],
): Promise<LoadTally> {
  const recorder = new LoadRecorder();
  const loop = new LoadLoop(shape, clock, new AnswerCheck([], true), recorder);
  await clock.run(loop.run(lanes));
  return recorder.tally();
}

function percentileMs(tally: LoadTally, percent: number): number {
  const histogram = new Histogram();
  histogram.add(tally.latency);
  return histogram.percentileMs(percent);
}

function countOf(tally: LoadTally): number {
  return tally.latency.counts.reduce((sum, count) => sum + count, 0);
}

test("the closed loop sends the next request when the last was answered", async () => {
  const clock = new VirtualClock();
  const lanes = [fakeLane(clock, () => 10), fakeLane(clock, () => 20)];
  const tally = await drive({ ...SHAPE, durationMs: 100 }, clock, lanes);
  assert.deepEqual(lanes[0]?.sentAt, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
  assert.deepEqual(lanes[1]?.sentAt, [0, 20, 40, 60, 80]);
  assert.equal(countOf(tally), 15);
  // The answers that arrive at 100 are past the window's end.
  assert.equal(tally.answeredInWindow, 13);
});

test("the open loop keeps its rate whatever the server does", async () => {
  const clock = new VirtualClock();
  const lanes = [fakeLane(clock, () => 15), fakeLane(clock, () => 15)];
  await drive({ ...SHAPE, ratePerSec: 100, durationMs: 100 }, clock, lanes);
  const sent = lanes.flatMap((lane) => lane.sentAt).toSorted((a, b) => a - b);
  assert.deepEqual(sent, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
});

test("one stall shows in the open loop's p99 and hides in the closed loop's (coordinated omission)", async () => {
  const stallOnce = (sent: number) => (sent === 300 ? 1000 : 1);
  const open = new VirtualClock();
  const openTally = await drive({ ...SHAPE, ratePerSec: 100 }, open, [fakeLane(open, stallOnce)]);
  assert.equal(countOf(openTally), 1000);
  // 100 requests should have started during the stall: the slowest 10 waited 900 ms and more.
  assert.ok(percentileMs(openTally, 99) > 850, `p99 ${percentileMs(openTally, 99)}`);
  assert.ok(percentileMs(openTally, 95) > 450, `p95 ${percentileMs(openTally, 95)}`);
  assert.ok(percentileMs(openTally, 50) < 2);

  const closed = new VirtualClock();
  const closedTally = await drive(SHAPE, closed, [fakeLane(closed, stallOnce)]);
  assert.ok(percentileMs(closedTally, 99) < 2);
  assert.ok(percentileMs(closedTally, 100) >= 1000);
});

test("warm-up is sent and not counted", async () => {
  const clock = new VirtualClock();
  const lane = fakeLane(clock, (sent) => (sent < 5 ? 20 : 10));
  const tally = await drive({ ...SHAPE, warmupMs: 100, durationMs: 100 }, clock, [lane]);
  assert.equal(lane.sentAt.length, 15);
  assert.equal(countOf(tally), 10);
  assert.ok(percentileMs(tally, 100) < 11);
});

test("a rate that the server cannot keep leaves requests unsent after the grace time, and says so", async () => {
  const clock = new VirtualClock();
  const lane = fakeLane(clock, () => 100);
  const shape = { ...SHAPE, ratePerSec: 100, durationMs: 1000, graceMs: 500 };
  const tally = await drive(shape, clock, [lane]);
  assert.equal(countOf(tally) + tally.unsent, 100);
  assert.equal(countOf(tally), 16);
  assert.ok(percentileMs(tally, 100) > 1400);
});

test("failures are counted by code, keep their first message and slow the loop down", async () => {
  const clock = new VirtualClock();
  const failure = new InferError("unavailable", "connection refused");
  const lane = fakeLane(clock, () => 0, { failure, answer: null });
  const tally = await drive({ ...SHAPE, durationMs: 100 }, clock, [lane]);
  assert.deepEqual(tally.errors, { unavailable: 20 });
  assert.equal(tally.firstError, "unavailable: connection refused");
  assert.equal(countOf(tally), 0);
});

test("an answer that is not what the metadata says counts as wrong", async () => {
  const clock = new VirtualClock();
  const outputs = [{ name: "y", datatype: "FP32", shape: [1], data: new Float32Array(1) } as const];
  const answer = { modelName: "m", modelVersion: "1", id: null, parameters: new Map(), outputs };
  const lane = fakeLane(clock, () => 10, { failure: null, answer });
  const tally = await drive({ ...SHAPE, durationMs: 100 }, clock, [lane]);
  assert.deepEqual(tally.errors, { "wrong-answer": 10 });
  assert.equal(tally.firstError, "wrong-answer: expected 0 outputs, got 1");
});
