import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { buildLoadGenerator } from "../native/build-load-generator.ts";
import { InferError } from "../protocols/core/status.ts";
import { GENERATOR_KINDS } from "./generator.ts";
import type { LoadResult } from "./load-result.ts";
import { outcomesOf } from "./outcomes.ts";
import { runLoad, splitPlan } from "./run-load.ts";
import { type Meddle, startFakeServer } from "./testing/fake-oip-server.ts";
import { loadPlanOf } from "./testing/load-plan-of.ts";
import { resultOf } from "./testing/result-of.ts";

const { reason } = await buildLoadGenerator();

test("generators share connections evenly and the rate in proportion, losing none of either", () => {
  const plan = loadPlanOf("http://h", { connections: 8, shape: { ratePerSec: 1000 } });
  const parts = splitPlan(plan, 3);
  assert.deepEqual(
    parts.map((part) => part.connections),
    [2, 3, 3],
  );
  const rates = parts.map((part) => part.shape.ratePerSec ?? 0);
  assert.deepEqual(rates, [250, 375, 375]);
});

test("there are never more generators than connections, and a closed loop stays one", () => {
  const parts = splitPlan(loadPlanOf("http://h", { connections: 2 }), 5);
  assert.deepEqual(
    parts.map((part) => [part.connections, part.shape.ratePerSec]),
    [
      [1, null],
      [1, null],
    ],
  );
});

test("what is neither refused nor expired has failed", () => {
  const errors = { "queue-full": 3, "deadline-exceeded": 2, unavailable: 1 };
  const load = resultOf({ requests: 10, errors, errorCount: 6, unsent: 5 });
  assert.deepEqual(outcomesOf(load, 7), {
    ...{ inTime: 7, late: 3, refused: 3, expired: 2, failed: 1, unsent: 5 },
  });
});

for (const generator of GENERATOR_KINDS) {
  const skip = generator === "native" && reason !== null ? reason : false;
  describe(`a deadline, with the ${generator} generator`, { skip }, () => {
    /** 20 requests in 400 ms, against a server that meddles. */
    async function offer(meddle: Meddle, deadlineMs: number, connections = 8): Promise<LoadResult> {
      const server = await startFakeServer(meddle);
      const shape = { ratePerSec: 50, durationMs: 400 };
      const plan = loadPlanOf(server.url, { generator, deadlineMs, connections, shape });
      try {
        return await runLoad(
          "fake",
          plan,
          1,
          () => undefined,
          () => [process.pid],
        );
      } finally {
        assert.deepEqual([...new Set(server.deadlines)], [String(deadlineMs)]);
        await server.close();
      }
    }

    test("answers in time, late ones, refusals, expiries and failures are told apart", async () => {
      const { outcomes, requests } = await offer(async (answer, n) => {
        if (n % 5 === 1) throw new InferError("queue-full", "no room");
        if (n % 5 === 2) throw new InferError("deadline-exceeded", "too late");
        if (n % 5 === 3) throw new InferError("internal", "broken");
        if (n % 5 === 4) await setTimeout(3500);
        return answer;
      }, 3000);
      assert.deepEqual(outcomes, {
        ...{ inTime: 4, late: 4, refused: 4, expired: 4, failed: 4, unsent: 0 },
      });
      assert.equal(requests, 8);
    });

    test("latency counts from the intended start: a server that stalls makes all that wait late", async () => {
      let stall: Promise<void> | null = null;
      const { outcomes } = await offer(async (answer) => {
        stall ??= setTimeout(1500);
        await stall;
        return answer;
      }, 100);
      assert.deepEqual([outcomes?.late, outcomes?.inTime], [20, 0]);
    });

    test("connections of hundreds are opened without a prediction", async () => {
      const { outcomes } = await offer(
        (answer, n) => {
          if (n >= 20) throw new Error("more predictions than requests");
          return answer;
        },
        5000,
        300,
      );
      assert.equal(outcomes?.inTime, 20);
    });
  });
}

test("both generators count the same load alike", { skip: reason ?? false }, async () => {
  const counts: unknown[] = [];
  for (const generator of GENERATOR_KINDS) {
    for (const protocol of ["http-json", "http-binary", "websocket"] as const) {
      const server = await startFakeServer((answer, n) => {
        if (n % 10 === 9) throw new InferError("queue-full", "no room");
        // The script looks at all first answers to an input, and at some later ones.
        return n % 10 === 8 && n < 60 ? { ...answer, outputs: [] } : answer;
      });
      const shape = { ratePerSec: 200, warmupMs: 100, durationMs: 400 };
      const plan = loadPlanOf(server.url, { generator, protocol, connections: 1, shape });
      const result = await runLoad("fake", plan, 1, () => undefined);
      await server.close();
      assert.equal(result.generator, generator);
      const { requests, errors, errorCount, unsent, firstError, latency } = result;
      counts.push({ requests, errors, errorCount, unsent, firstError });
      assert.ok(latency.p50Ms > 0 && latency.p50Ms <= latency.maxMs);
    }
  }
  const [first] = counts;
  assert.deepEqual(first, {
    requests: 68,
    errors: { "queue-full": 8, "wrong-answer": 4 },
    errorCount: 12,
    unsent: 0,
    firstError: "wrong-answer: expected 1 outputs, got 0",
  });
  for (const other of counts) assert.deepEqual(other, first);
});
