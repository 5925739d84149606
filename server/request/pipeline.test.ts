import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { InferCodec } from "../../protocols/core/codec.ts";
import { type InferRequest, NO_PARAMETERS } from "../../protocols/core/infer.ts";
import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import { createRefusal, InferError, type StatusCode } from "../../protocols/core/status.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import { LeaseCounter } from "../models/lease.ts";
import type { Job, JobResult, ServableInfo } from "../models/servable.ts";
import { ServingMap } from "../models/serving-map.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { AnsweredPrediction } from "./capture-tap.ts";
import { Pipeline, type Protocol, type RequestOutcome } from "./pipeline.ts";
import { Waiter } from "./waiter.ts";

const INFO: ServableInfo = {
  key: "m/1#1",
  id: { model: "m", version: 1 },
  platform: "onnx_onnxv1",
  signature: { inputs: [], outputs: [] },
  batching: null,
  maxQueue: 2,
  slot: 7,
};
const RESULT: JobResult = { outputs: [], queueMs: 1, computeMs: 2, batchRows: 3 };
const REQUEST: InferRequest = {
  id: "r",
  parameters: NO_PARAMETERS,
  inputs: [],
  outputs: null,
  isTyped: false,
};
const ids: string[] = [];
const codec: InferCodec<string, string> = {
  decode: (wire) => {
    if (wire === "bad") throw new InferError("invalid-argument", "bad bytes");
    if (wire === "bug") throw new TypeError("secret");
    if (wire.startsWith("schedule:")) {
      const [priority = 0, timeout = 0] = wire.slice(9).split(",").map(Number);
      return { ...REQUEST, parameters: new Map(Object.entries({ priority, timeout })) };
    }
    if (!wire.startsWith("id:")) return REQUEST;
    const id = wire === "id:7" ? 7 : wire.slice(3);
    return { ...REQUEST, parameters: new Map([["inference_id", id]]) };
  },
  encode: (response) => {
    ids.push(String(response.parameters.get("inference_id")));
    return `${response.modelName}/${response.modelVersion} ${response.id}`;
  },
};

describe("pipeline", () => {
  let counter: LeaseCounter;
  let runs: Deferred<JobResult>[];
  let jobs: Job[];
  let asked: string[];
  let recorded: { slot: number; protocol: Protocol; outcome: RequestOutcome }[];
  let captured: AnsweredPrediction[];
  let loads: string[];
  let coldLoad: Deferred<void> | null;
  let map: ServingMap;
  let inFlight: number;
  let overload: InferError | TypeError | null;
  let pipeline: Pipeline;

  beforeEach(() => {
    runs = [];
    jobs = [];
    asked = [];
    recorded = [];
    captured = [];
    loads = [];
    coldLoad = null;
    inFlight = 0;
    overload = null;
    counter = new LeaseCounter({
      info: INFO,
      findOverload: (deadlineEpochMs) => {
        if (overload instanceof TypeError) throw overload;
        return deadlineEpochMs === null ? null : overload;
      },
      cancel: () => undefined,
      predictDrainMs: () => null,
      run: (job) => {
        jobs.push(job);
        const run = createDeferred<JobResult>();
        runs.push(run);
        return run.promise;
      },
    });
    const model = {
      name: "m",
      aliases: new Map([["champion", 1]]),
      pendingAliases: new Set(["canary"]),
      onRequest: new Map(),
      versions: new Map([[1, counter]]),
      statuses: [],
    };
    map = new ServingMap(1, new Map([["m", model]]));
    pipeline = new Pipeline({
      serving: () => map,
      gauge: {
        enter: () => ++inFlight,
        read: () => inFlight,
        leave: () => {
          inFlight -= 1;
        },
      },
      bytes: new ByteBudget(new SharedArrayBuffer(8), 100),
      recorder: { record: (slot, protocol, outcome) => recorded.push({ slot, protocol, outcome }) },
      limits: DEFAULT_LIMITS,
      coldLoads: {
        load: async (model, version) => {
          loads.push(`${model}/${version}`);
          await (coldLoad as Deferred<void>).promise;
        },
      },
      capture: {
        takeInputs: (_info, inferenceId, inputs) => (inferenceId === "skip" ? null : inputs),
        put: (prediction) => captured.push(prediction),
      },
      quotas: {
        isLimited: () => true,
        take: (keyId, model) => (keyId === "spent" ? spent(model) : null),
      },
    });
  });

  const spent = (model: string) => {
    asked.push(model);
    return createRefusal("quota-exceeded", "the quota of key 'spent' is used up", 5);
  };
  const infer = (
    wire = "good",
    name = "m",
    version: string | null = null,
    deadlineEpochMs: number | null = null,
    waiter = new Waiter(),
    keyId = "p",
  ) =>
    pipeline.infer({
      principal: { id: keyId, name: "orders", role: "infer", models: ["*"] },
      ref: { name, version },
      wire,
      codec,
      protocol: "http",
      deadlineEpochMs,
      observer: null,
      ...{ waiter, isQuotaTaken: false },
    });
  const failsWith = (call: Promise<unknown>, code: StatusCode) =>
    assert.rejects(call, (thrown) => thrown instanceof InferError && thrown.code === code);
  const atRest = () => assert.deepEqual([counter.count, inFlight], [0, 0]);

  it("leases while it computes, answers with the version that did, and lets go", async () => {
    const call = infer();
    assert.deepEqual([counter.count, inFlight], [1, 1]);
    runs[0]?.resolve(RESULT);
    assert.equal(await call, "m/1 r");
    atRest();
    assert.deepEqual(
      recorded.map(({ slot, outcome }) => [slot, outcome.errorCode, outcome.batchRows]),
      [[7, null, 3]],
    );
  });

  it("records what reached no servable in nobody's row", async () => {
    await failsWith(infer("good", "x"), "model-not-found");
    await failsWith(infer("good", "m", "9"), "version-not-found");
    await failsWith(infer("good", "m", "canary"), "model-not-ready");
    assert.deepEqual(
      recorded.map(({ slot }) => slot),
      [0, 0, 0],
    );
    atRest();
  });

  it("records what could not be read in the row of the model that was asked", async () => {
    await failsWith(infer("bad"), "invalid-argument");
    assert.deepEqual(
      recorded.map(({ slot }) => slot),
      [7],
    );
    atRest();
  });

  it("refuses what the queue has no room for, and has room again", async () => {
    const calls = [infer(), infer()];
    // Not read either: what there is no room for costs next to nothing.
    await failsWith(infer("bug"), "queue-full");
    for (const run of runs) run.resolve(RESULT);
    await Promise.all(calls);
    atRest();
    const again = infer();
    runs[2]?.resolve(RESULT);
    await again;
  });

  it("judges room before the rest is read, with or without a deadline", async () => {
    const held = [infer(), infer()];
    const ref = { name: "m", version: null };
    for (const deadline of [null, 1e15]) {
      assert.equal(pipeline.findOverload(ref, "http", deadline)?.code, "queue-full");
    }
    await failsWith(infer("bug"), "queue-full");
    assert.deepEqual(
      recorded.map(({ slot, outcome }) => [slot, outcome.errorCode]),
      [
        [7, "queue-full"],
        [7, "queue-full"],
        [7, "queue-full"],
      ],
    );
    for (const run of runs) run.resolve(RESULT);
    await Promise.all(held);
    assert.equal(pipeline.findOverload(ref, "http", null), null);
    atRest();
  });

  it("decodes nothing that could not be done in time, and counts it as refused", async () => {
    overload = createRefusal("queue-full", "busy", 7);
    await failsWith(infer("bug", "m", null, 1e15), "queue-full");
    await failsWith(infer("bad"), "invalid-argument");
    overload = null;
    await failsWith(infer("bad", "m", null, 1e15), "invalid-argument");
    // As a transport asks that has not read the body yet.
    assert.equal(pipeline.findOverload({ name: "m", version: null }, "http", 1e15), null);
    overload = createRefusal("queue-full", "busy", 7);
    assert.equal(pipeline.findOverload({ name: "m", version: null }, "grpc", 1e15), overload);
    for (const [name, version, deadline] of [
      ["m", null, null],
      ["x", null, 1e15],
      ["m", "9", 1e15],
    ] as const) {
      assert.equal(pipeline.findOverload({ name, version }, "http", deadline), null);
    }
    assert.deepEqual(
      recorded.map(({ slot, protocol, outcome }) => [slot, protocol, outcome.errorCode]),
      [
        [7, "http", "queue-full"],
        [7, "http", "invalid-argument"],
        [7, "http", "invalid-argument"],
        [7, "grpc", "queue-full"],
      ],
    );
    atRest();
  });

  it("ends a request whose overload could not be judged, and records it", async () => {
    overload = new TypeError("the line was disconnected");
    const call = infer("good", "m", null, 1e15);
    await assert.rejects(call, { code: "internal", cause: overload });
    const error = pipeline.findOverload({ name: "m", version: null }, "grpc", 1e15);
    assert.deepEqual([error?.code, error?.cause], ["internal", overload]);
    assert.deepEqual(
      recorded.map(({ slot, protocol, outcome }) => [slot, protocol, outcome.errorCode]),
      [
        [7, "http", "internal"],
        [7, "grpc", "internal"],
      ],
    );
    atRest();
  });

  it("takes a request out of the key's quota when there is room, and reads none beyond it", async () => {
    const over = () => infer("bug", "m", null, 1e15, new Waiter(), "spent");
    overload = createRefusal("queue-full", "busy", 7);
    await failsWith(over(), "queue-full");
    assert.deepEqual(asked, []);
    overload = null;
    await failsWith(over(), "quota-exceeded");
    assert.deepEqual(asked, ["m"]);
    assert.deepEqual(
      recorded.map(({ slot, outcome }) => [slot, outcome.errorCode]),
      [
        [7, "queue-full"],
        [7, "quota-exceeded"],
      ],
    );
    atRest();
  });

  it("lets go and records under the servable when the engine fails", async () => {
    const call = infer();
    runs[0]?.reject(new InferError("unavailable", "gone"));
    await failsWith(call, "unavailable");
    atRest();
    assert.deepEqual(
      recorded.map(({ slot, outcome }) => [slot, outcome.errorCode]),
      [[7, "unavailable"]],
    );
  });

  it("names every prediction, by the caller's own name where it brings one", async () => {
    ids.length = 0;
    const answered = async (wire: string) => {
      const call = infer(wire);
      runs.at(-1)?.resolve(RESULT);
      await call;
    };
    for (const wire of ["good", "good", "id:event:7_A.b-c"]) await answered(wire);
    assert.match(ids[0] ?? "", /^[A-Za-z0-9_-]{16}\.1$/);
    assert.match(ids[1] ?? "", /^[A-Za-z0-9_-]{16}\.2$/);
    assert.equal(ids[2], "event:7_A.b-c");
    for (const wire of ["id:", "id:a b", `id:${"x".repeat(129)}`, "id:7"]) {
      await failsWith(infer(wire), "invalid-argument");
    }
    await answered(`id:${"x".repeat(128)}`);
    atRest();
  });

  it("takes priority and timeout from the request, and the earlier of two deadlines", async () => {
    const nowMs = epochNowMs();
    const calls = [infer(), infer("schedule:1,5000000")];
    for (const run of runs) run.resolve(RESULT);
    await Promise.all(calls);
    const early = infer("schedule:9,90000000", "m", null, nowMs + 1000);
    runs[2]?.resolve(RESULT);
    await early;
    assert.deepEqual(
      jobs.map(({ priority }) => priority),
      [2, 1, 5],
    );
    const [none, byTimeout, byHeader] = jobs.map(({ deadlineEpochMs }) => deadlineEpochMs);
    assert.deepEqual([none, byHeader], [null, nowMs + 1000]);
    assert.ok(typeof byTimeout === "number" && byTimeout >= nowMs + 5000, `${byTimeout}`);
    await failsWith(infer("schedule:-1"), "invalid-argument");
    atRest();
  });

  it("waits for a version that loads on request, with what it read before", async () => {
    const [model] = map.models.values();
    assert.ok(model !== undefined);
    const warm = map;
    const cold = {
      ...model,
      aliases: new Map<string, number>(),
      onRequest: new Map([["champion", { version: 1, signature: null }]]),
      versions: new Map<number, LeaseCounter>(),
    };
    map = new ServingMap(2, new Map([["m", cold]]));
    coldLoad = createDeferred<void>();
    const call = infer("good");
    const refused = infer("bad");
    await failsWith(refused, "invalid-argument");
    assert.deepEqual([loads, runs.length], [["m/1"], 0]);
    map = warm;
    coldLoad.resolve();
    await new Promise(setImmediate);
    runs.at(-1)?.resolve(RESULT);
    assert.equal(await call, "m/1 r");
    map = new ServingMap(3, new Map([["m", cold]]));
    coldLoad = createDeferred<void>();
    coldLoad.reject(new InferError("model-not-ready", "no room"));
    await failsWith(infer("good"), "model-not-ready");
    atRest();
  });

  it("hands what was answered to capture, and nothing else", async () => {
    const failing = infer("id:lost");
    runs[0]?.reject(new InferError("unavailable", "gone"));
    await failsWith(failing, "unavailable");
    for (const wire of ["id:skip", "id:kept"]) {
      const call = infer(wire);
      runs.at(-1)?.resolve(RESULT);
      await call;
    }
    assert.deepEqual(captured, [
      { inferenceId: "kept", id: INFO.id, principal: "orders", inputs: [], outputs: [] },
    ]);
  });

  it("hides what it does not know", async () => {
    await assert.rejects(infer("bug"), (thrown) => {
      assert.ok(thrown instanceof InferError && thrown.code === "internal");
      assert.doesNotMatch(thrown.message, /secret/);
      assert.ok(thrown.cause instanceof TypeError);
      return true;
    });
  });

  it("retires a version only after its last request", async () => {
    const call = infer();
    let isIdle = false;
    counter.retire(() => {
      isIdle = true;
    });
    assert.equal(isIdle, false);
    runs[0]?.resolve(RESULT);
    await call;
    assert.equal(isIdle, true);
  });
});
