import assert from "node:assert/strict";
import { test } from "node:test";
import { QueueClock } from "./clock.ts";

test("sleepers wake in the order of their times, never early, whoever asked first", async () => {
  const clock = new QueueClock();
  const startMs = clock.now();
  const woken: number[] = [];
  const wakeAt = async (ms: number): Promise<void> => {
    await clock.sleepUntil(startMs + ms);
    assert.ok(clock.now() >= startMs + ms, `${ms} ms: too early`);
    woken.push(ms);
  };
  await Promise.all([wakeAt(30), wakeAt(5), wakeAt(40), wakeAt(5.5), wakeAt(20)]);
  assert.deepEqual(woken, [5, 5.5, 20, 30, 40]);
});

test("who asks while another sleeps long is not kept waiting for him", async () => {
  const clock = new QueueClock();
  const startMs = clock.now();
  let isLongOver = false;
  const long = clock.sleepUntil(startMs + 400).then(() => {
    isLongOver = true;
  });
  await clock.sleepUntil(startMs + 20);
  assert.equal(isLongOver, false);
  await clock.sleepUntil(startMs + 40);
  assert.equal(isLongOver, false);
  await long;
});

test("a time that has passed costs no turn of the loop, and the clock starts again when idle", async () => {
  const clock = new QueueClock();
  let isOver = false;
  void clock.sleepUntil(0).then(() => {
    isOver = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(isOver, true);
  await clock.sleepUntil(clock.now() + 3);
  await clock.sleepUntil(clock.now() + 3);
});
