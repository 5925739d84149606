import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { InferError } from "../../protocols/core/status.ts";
import { createInputPool } from "../input-pool.ts";
import type { LoadPlan } from "../load-plan.ts";
import { FAKE_MODEL, type Meddle, startFakeServer } from "../testing/fake-oip-server.ts";
import { resultOf } from "../testing/result-of.ts";
import { connectionsFor } from "./overload.ts";
import { addDeadline, type DeadlineResult, outcomesOf, runDeadlineLoad } from "./overload-load.ts";

/** 20 requests in 400 ms on 8 connections, against a server that meddles. */
async function offer(meddle: Meddle, deadlineMs: number): Promise<DeadlineResult> {
  const server = await startFakeServer(meddle);
  const inputs = createInputPool(FAKE_MODEL, new Map());
  const plan: LoadPlan = {
    protocol: "http-json",
    endpoints: { url: server.url, grpc: null },
    apiKey: null,
    timeoutMs: 20_000,
    model: { name: FAKE_MODEL.name, version: null },
    outputs: FAKE_MODEL.outputs,
    inputs,
    comparesValues: true,
    connections: 8,
    shape: {
      ratePerSec: 50,
      warmupMs: 0,
      durationMs: 400,
      graceMs: 20_000,
      poolSize: inputs.length,
      sliceMs: null,
    },
  };
  try {
    return await runDeadlineLoad("fake", plan, deadlineMs, () => [process.pid]);
  } finally {
    await server.close();
  }
}

test("answers in time, late ones, refusals, expiries and failures are told apart", async () => {
  const { outcomes, goodputPerSec, load } = await offer(async (answer, n) => {
    if (n % 5 === 1) throw new InferError("queue-full", "no room");
    if (n % 5 === 2) throw new InferError("deadline-exceeded", "too late");
    if (n % 5 === 3) throw new InferError("internal", "broken");
    if (n % 5 === 4) await setTimeout(3500);
    return answer;
  }, 3000);
  assert.deepEqual(outcomes, {
    inTime: 4,
    late: 4,
    refused: 4,
    expired: 4,
    failed: 4,
    unsent: 0,
  });
  assert.equal(goodputPerSec, 10);
  assert.equal(load.requests, 8);
});

test("latency counts from the intended start: a server that stalls makes all that wait late", async () => {
  let stall: Promise<void> | null = null;
  const { outcomes } = await offer(async (answer) => {
    stall ??= setTimeout(1500);
    await stall;
    return answer;
  }, 100);
  assert.deepEqual([outcomes.late, outcomes.inTime], [20, 0]);
});

test("the deadline is a header of the request, whose body stays whole", () => {
  const request = Buffer.from("POST /v2 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}");
  assert.equal(
    addDeadline(request, 49.2).toString(),
    "POST /v2 HTTP/1.1\r\nx-request-timeout-ms: 50\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}",
  );
});

test("what is neither refused nor expired has failed", () => {
  const errors = { "queue-full": 3, "deadline-exceeded": 2, unavailable: 1 };
  const load = resultOf({ requests: 10, errors, errorCount: 6, unsent: 5 });
  assert.deepEqual(outcomesOf(load, 7), {
    ...{ inTime: 7, late: 3, refused: 3, expired: 2, failed: 1, unsent: 5 },
  });
});

test("connections are enough for all that may wait for its deadline, within bounds", () => {
  assert.equal(connectionsFor(10_000, 35), 1000);
  assert.equal(connectionsFor(10, 50), 64);
  assert.equal(connectionsFor(1e6, 50), 4000);
});
