import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { InferCodec } from "../../protocols/core/codec.ts";
import { NO_PARAMETERS } from "../../protocols/core/infer.ts";
import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import { InferError } from "../../protocols/core/status.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { LeaseCounter } from "../models/lease.ts";
import type { Job, JobResult } from "../models/servable.ts";
import { ServingMap } from "../models/serving-map.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Pipeline } from "./pipeline.ts";
import { Waiter } from "./waiter.ts";

const RESULT: JobResult = { outputs: [], queueMs: 1, computeMs: 2, batchRows: 3 };

describe("who waits for an answer", () => {
  let runs: { job: Job; result: Deferred<JobResult> }[];
  let cancelled: Job[];
  let outcomes: string[];
  let decoded: number;
  let encoded: number;
  let inFlight: number;
  let counter: LeaseCounter;
  let infer: (waiter: Waiter) => Promise<string>;

  beforeEach(() => {
    [runs, cancelled, outcomes, decoded, encoded, inFlight] = [[], [], [], 0, 0, 0];
    counter = new LeaseCounter({
      info: {
        ...{ key: "m/1#1", id: { model: "m", version: 1 }, platform: "onnx_onnxv1" },
        ...{ signature: { inputs: [], outputs: [] }, batching: null, maxQueue: 2, slot: 7 },
      },
      findOverload: () => null,
      predictDrainMs: () => null,
      cancel: (job) => cancelled.push(job),
      run: (job) => {
        const result = createDeferred<JobResult>();
        runs.push({ job, result });
        return result.promise;
      },
    });
    const codec: InferCodec<string, string> = {
      decode: () => {
        decoded += 1;
        const parameters = NO_PARAMETERS;
        return { id: null, parameters, inputs: [], outputs: null, isTyped: false };
      },
      encode: () => {
        encoded += 1;
        return "answer";
      },
    };
    const aliases = new Map([["champion", 1]]);
    const versions = new Map([[1, counter]]);
    const model = {
      ...{ name: "m", aliases, pendingAliases: new Set<string>(), versions, statuses: [] },
      onRequest: new Map(),
    };
    const map = new ServingMap(1, new Map([["m", model]]));
    const pipeline = new Pipeline({
      serving: () => map,
      gauge: {
        enter: () => ++inFlight,
        read: () => inFlight,
        leave: () => {
          inFlight -= 1;
        },
      },
      bytes: new ByteBudget(new SharedArrayBuffer(8), 100),
      recorder: { record: (_slot, _protocol, outcome) => outcomes.push(outcome.errorCode ?? "ok") },
      limits: DEFAULT_LIMITS,
      ...{ capture: null, coldLoads: null, quotas: null },
    });
    infer = (waiter) =>
      pipeline.infer({
        principal: { id: "p", name: null, role: "infer", models: ["*"] },
        ref: { name: "m", version: null },
        wire: "",
        codec,
        protocol: "http",
        deadlineEpochMs: null,
        observer: null,
        ...{ waiter, isQuotaTaken: false },
      });
  });

  const isCancelled = (call: Promise<unknown>) =>
    assert.rejects(call, (thrown) => thrown instanceof InferError && thrown.code === "cancelled");
  const atRest = () => assert.deepEqual([counter.count, inFlight], [0, 0]);
  const jobs = () => runs.map(({ job }) => job);

  it("takes the job along when it leaves; all is let go when the engine has", async () => {
    const waiter = new Waiter();
    const call = infer(waiter);
    waiter.leave();
    assert.deepEqual(cancelled, jobs());
    assert.deepEqual([counter.count, inFlight], [1, 1]);
    runs[0]?.result.reject(new InferError("cancelled", "dropped"));
    await isCancelled(call);
    atRest();
    waiter.leave();
    assert.equal(cancelled.length, 1);
  });

  it("gets no answer that came too late, which counts as cancelled", async () => {
    const waiter = new Waiter();
    const call = infer(waiter);
    waiter.leave();
    runs[0]?.result.resolve(RESULT);
    await isCancelled(call);
    assert.deepEqual([encoded, outcomes], [0, ["cancelled"]]);
    atRest();
  });

  it("may have gone before, and then nothing is read", async () => {
    const waiter = new Waiter();
    waiter.leave();
    const call = infer(waiter);
    await isCancelled(call);
    assert.deepEqual([decoded, jobs(), outcomes], [0, [], ["cancelled"]]);
    atRest();
  });

  it("changes nothing by leaving after the answer", async () => {
    const waiter = new Waiter();
    const call = infer(waiter);
    runs[0]?.result.resolve(RESULT);
    assert.equal(await call, "answer");
    waiter.leave();
    assert.deepEqual([cancelled, outcomes], [[], ["ok"]]);
    atRest();
  });
});
