import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClassExplanation } from "../models/servable.ts";
import type { AdminExplanation } from "../transport/admin/admin-view.ts";
import { renderExplanation } from "./render-explanation.ts";

const CLASS: ClassExplanation = {
  shapes: [[-1, 4], []],
  outputs: ["y\u001b[31m"],
  placement: "engine",
  reason: "demoted",
  demotedForMs: 1500,
  inlineCost: { baseUs: 12.345, slopeUs: 2, maxRows: 8 },
  engineCost: null,
};

const EXPLANATION: AdminExplanation = {
  model: "m",
  inlineBudgetUs: 200,
  maxQueueMs: 2000,
  loaded: [
    {
      id: { model: "m", version: 3 },
      inFlight: 4,
      maxQueue: 100,
      maxBatchRows: 32,
      batches: [
        { placement: "inline", closedBy: "alone", count: 1 },
        { placement: "engine", closedBy: "rows-full", count: 3 },
      ],
      meanBatchRows: 2.5,
      totalMs: { p50: 0.1256, p90: 20, p99: 1234.5 },
      queueMs: null,
      computeMs: null,
      threads: [
        {
          thread: "http-0",
          predictedWaitMs: 120,
          classes: [CLASS],
          slowest: [
            {
              inferenceId: "abc.1",
              endEpochMs: 0,
              rows: 1,
              batchRows: 4,
              queueMs: 3,
              computeMs: 2,
              totalMs: 6,
            },
          ],
        },
      ],
      silentThreads: 1,
    },
  ],
  notLoaded: [
    {
      version: 4,
      state: "failed",
      reason: "it is broken",
      since: "",
      costBytes: null,
      isLoaded: false,
      loadsOnRequest: false,
      isOnProbation: false,
      inFlight: 0,
      retryAt: null,
    },
  ],
};

test("a loaded version and one that failed, as people read it", () => {
  assert.equal(
    renderExplanation(EXPLANATION),
    `m@3: 4 of 100 requests in flight (maxQueue), 32 rows a batch
  total    p50 0.126, p90 20, p99 1235 ms
  batches  4, of 2.5 rows on average
     75 % engine rows-full     the next request would pass maxBatchRows
     25 % inline alone         nothing else waited
  thread http-0
    a request now would wait about 120 ms for the engine
    [-1,4] [] -> y?[31m: on the engine's threads, demoted for 1.5 s more (it overran inlineBudgetUs 200); cost 12.3 us + 2 us a row, seen up to 8
  slowest of late: total, queue, compute ms, rows/batch, end, inference id
         6        3        2      1/4  1970-01-01T00:00:00.000Z  abc.1
  1 serving thread(s) did not answer within a second: they are busy
m@4: failed, it is broken
`,
  );
});
