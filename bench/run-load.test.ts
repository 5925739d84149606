import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadPlan } from "./load-plan.ts";
import { splitPlan } from "./run-load.ts";

const PLAN: LoadPlan = {
  protocol: "http-json",
  endpoints: { url: "http://127.0.0.1:1", grpc: null },
  apiKey: null,
  timeoutMs: 1000,
  model: { name: "m", version: null },
  outputs: [],
  inputs: [],
  comparesValues: true,
  connections: 8,
  shape: {
    ratePerSec: 1000,
    warmupMs: 0,
    durationMs: 1000,
    graceMs: 1000,
    poolSize: 1,
    sliceMs: null,
  },
};

test("threads share connections evenly and the rate in proportion, losing none of either", () => {
  const parts = splitPlan(PLAN, 3);
  assert.deepEqual(
    parts.map((part) => part.connections),
    [2, 3, 3],
  );
  const rates = parts.map((part) => part.shape.ratePerSec ?? 0);
  assert.deepEqual(rates, [250, 375, 375]);
});

test("there are never more threads than connections, and a closed loop stays one", () => {
  const closed = { ...PLAN, connections: 2, shape: { ...PLAN.shape, ratePerSec: null } };
  const parts = splitPlan(closed, 5);
  assert.deepEqual(
    parts.map((part) => [part.connections, part.shape.ratePerSec]),
    [
      [1, null],
      [1, null],
    ],
  );
});
