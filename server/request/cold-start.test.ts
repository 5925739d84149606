import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { NeedsSignature } from "../../protocols/core/codec.ts";
import { NO_PARAMETERS, type Parameters } from "../../protocols/core/infer.ts";
import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import { InferError } from "../../protocols/core/status.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import { LeaseCounter } from "../models/lease.ts";
import type { Job } from "../models/servable.ts";
import { ServingMap } from "../models/serving-map.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Pipeline } from "./pipeline.ts";
import { Waiter } from "./waiter.ts";

describe("a request whose model loads for it", () => {
  let jobs: Job[];
  let load: Deferred<void>;
  let loadDeadlines: (number | null)[];
  let inFlight: number;
  let endLoad: () => void;
  /** @param parameters null: a request that cannot be read without a signature */
  let infer: (waiter: Waiter, parameters: Parameters | null) => Promise<string>;

  beforeEach(() => {
    [jobs, load, loadDeadlines, inFlight] = [[], createDeferred<void>(), [], 0];
    const counter = new LeaseCounter({
      info: {
        ...{ key: "m/1#1", id: { model: "m", version: 1 }, platform: "onnx_onnxv1" },
        ...{ signature: { inputs: [], outputs: [] }, batching: null, maxQueue: 2, slot: 7 },
      },
      findOverload: () => null,
      predictDrainMs: () => null,
      cancel: () => undefined,
      run: async (job) => {
        jobs.push(job);
        return { outputs: [], queueMs: 1, computeMs: 2, batchRows: 3 };
      },
    });
    const model = { name: "m", pendingAliases: new Set<string>(), statuses: [] };
    const onRequest = new Map([["champion", { version: 1, signature: null }]]);
    const cold = { ...model, aliases: new Map<string, number>(), onRequest, versions: new Map() };
    const warm = {
      ...cold,
      aliases: new Map([["champion", 1]]),
      versions: new Map([[1, counter]]),
    };
    let map = new ServingMap(1, new Map([["m", cold]]));
    endLoad = () => {
      map = new ServingMap(2, new Map([["m", { ...warm, onRequest: new Map() }]]));
      load.resolve();
    };
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
      recorder: { record: () => undefined },
      limits: DEFAULT_LIMITS,
      coldLoads: {
        load: (_model, _version, deadlineEpochMs) => {
          loadDeadlines.push(deadlineEpochMs);
          return load.promise;
        },
      },
      ...{ capture: null, quotas: null },
    });
    infer = (waiter, parameters) =>
      pipeline.infer({
        principal: { id: "p", name: null, role: "infer", models: ["*"] },
        ref: { name: "m", version: null },
        wire: "",
        codec: {
          decode: () => {
            if (parameters === null) throw new NeedsSignature("what is it?");
            return { id: null, parameters, inputs: [], outputs: null, isTyped: false };
          },
          encode: () => "answer",
        },
        ...{ protocol: "http", deadlineEpochMs: null, observer: null, waiter, isQuotaTaken: false },
      });
  });

  it("has its timeout counted from its arrival, through the load and after", async () => {
    const nowMs = epochNowMs();
    const call = infer(new Waiter(), new Map([["timeout", 5_000_000]]));
    const [deadlineEpochMs] = loadDeadlines;
    assert.ok(typeof deadlineEpochMs === "number" && deadlineEpochMs >= nowMs + 5000);
    while (epochNowMs() <= deadlineEpochMs - 4999) await new Promise(setImmediate);
    endLoad();
    assert.equal(await call, "answer");
    assert.equal(jobs[0]?.deadlineEpochMs, deadlineEpochMs);
    assert.equal(inFlight, 0);
  });

  it("starts the load and comes again where only the signature says what its bytes mean", async () => {
    const call = infer(new Waiter(), null);
    await assert.rejects(call, (thrown) => {
      assert.ok(thrown instanceof InferError);
      assert.deepEqual([thrown.code, thrown.retryAfterMs], ["model-not-ready", 1000]);
      return true;
    });
    assert.deepEqual(loadDeadlines, [null]);
  });

  it("does not run for a client that has gone meanwhile", async () => {
    const waiter = new Waiter();
    const call = infer(waiter, NO_PARAMETERS);
    waiter.leave();
    endLoad();
    await assert.rejects(call, (thrown) => {
      return thrown instanceof InferError && thrown.code === "cancelled";
    });
    assert.deepEqual([jobs, inFlight], [[], 0]);
  });
});
