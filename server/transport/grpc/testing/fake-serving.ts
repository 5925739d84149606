import { DATATYPES } from "../../../../protocols/core/datatype.ts";
import { DEFAULT_LIMITS } from "../../../../protocols/core/limits.ts";
import type { Signature } from "../../../../protocols/core/signature.ts";
import { InferError } from "../../../../protocols/core/status.ts";
import type { Tensor } from "../../../../protocols/core/tensor.ts";
import type { Gatekeeper } from "../../../access/gatekeeper.ts";
import { type Action, type Principal, ROLES } from "../../../access/principal.ts";
import { createDeferred, type Deferred } from "../../../lib/deferred.ts";
import { createLogger } from "../../../lib/log.ts";
import { LeaseCounter } from "../../../models/lease.ts";
import type { Job, JobResult, Servable } from "../../../models/servable.ts";
import { ServingMap, type ServingModel } from "../../../models/serving-map.ts";
import { ByteBudget } from "../../../request/byte-budget.ts";
import { Pipeline, type RequestOutcome } from "../../../request/pipeline.ts";
import { CONNECTION_CELL_BYTES, ConnectionLimit } from "../../connection-limit.ts";
import type { ServingContext } from "../../serving-context.ts";

/**
 * A ServingContext over a real Pipeline, with models made by hand:
 * `double` doubles the FP32 row `x` into `y`; `echo-<datatype>` gives `x` back as `y`; `gate` answers
 * when the test opens it; `broken` throws; `limited` has a queue of none; `loading` is not ready.
 */
export interface FakeServing {
  readonly context: ServingContext;
  /** Jobs that `gate` holds; resolve one to let it answer. */
  readonly held: HeldJob[];
  /** Resolves once `gate` holds `count` jobs. */
  whenHeld(count: number): Promise<void>;
  readonly outcomes: RequestOutcome[];
  readonly logLines: string[];
  readonly asked: { action: Action; model: string | null }[];
  /** `load double by admin`, … */
  readonly steered: string[];
  usedBytes(): number;
  leases(): number;
  isReady: boolean;
}

export interface HeldJob {
  readonly job: Job;
  readonly proceed: Deferred<void>;
}

export const READ_KEY = "key-read";
export const INFER_KEY = "key-infer";
export const ADMIN_KEY = "key-admin";
/** Infer, on models `echo-*` only. */
export const ECHO_KEY = "key-echo";

const PRINCIPALS: ReadonlyMap<string, Principal> = new Map([
  [READ_KEY, { id: "reader", name: null, role: "read", models: ["*"] }],
  [INFER_KEY, { id: "inferrer", name: null, role: "infer", models: ["*"] }],
  [ADMIN_KEY, { id: "admin", name: null, role: "admin", models: ["*"] }],
  [ECHO_KEY, { id: "echoer", name: null, role: "infer", models: ["echo-*"] }],
]);

const ROW: Signature = {
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
  outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
};

export function createFakeServing(options: { maxInflightBytes?: number } = {}): FakeServing {
  const held: HeldJob[] = [];
  const waiters: { count: number; deferred: Deferred<void> }[] = [];
  const outcomes: RequestOutcome[] = [];
  const logLines: string[] = [];
  const asked: { action: Action; model: string | null }[] = [];
  const steered: string[] = [];
  const counters: LeaseCounter[] = [];
  const add = (name: string, signature: Signature, run: Servable["run"], maxQueue = 100) => {
    const counter = new LeaseCounter({
      ...createServable(name, signature, run, maxQueue),
      cancel: cancelHeld,
    });
    counters.push(counter);
    return readyModel(name, counter);
  };
  const cancelHeld = (job: Job) => {
    const gone = new InferError("cancelled", "nobody waits");
    for (const each of held) if (each.job === job) each.proceed.reject(gone);
  };
  const holdJob = async (job: Job) => {
    const proceed = createDeferred<void>();
    held.push({ job, proceed });
    for (const waiter of waiters) if (held.length >= waiter.count) waiter.deferred.resolve();
    await proceed.promise;
    return doubled(job);
  };
  const serving = new ServingMap(
    1,
    new Map(
      [
        add("double", ROW, async (job) => doubled(job)),
        add("gate", ROW, holdJob),
        add("limited", ROW, async (job) => doubled(job), 0),
        add("broken", ROW, async () => {
          throw new Error("the secret path /etc/model");
        }),
        ...DATATYPES.map((datatype) =>
          add(`echo-${datatype}`, echoSignature(datatype), async (job) => renamed(job)),
        ),
        loadingModel(),
      ].map((model) => [model.name, model]),
    ),
  );
  const bytes = new ByteBudget(new SharedArrayBuffer(8), options.maxInflightBytes ?? 1 << 28);
  const fake: FakeServing = {
    held,
    outcomes,
    logLines,
    asked,
    steered,
    isReady: true,
    usedBytes: () => bytes.usedBytes,
    leases: () => counters.reduce((sum, counter) => sum + counter.count, 0),
    whenHeld: (count) => {
      const deferred = createDeferred<void>();
      if (held.length >= count) deferred.resolve();
      else waiters.push({ count, deferred });
      return deferred.promise;
    },
    context: {
      pipeline: new Pipeline({
        serving: () => serving,
        gauge: createGauge(),
        bytes,
        recorder: { record: (_slot, _protocol, outcome) => void outcomes.push(outcome) },
        limits: DEFAULT_LIMITS,
        capture: null,
        coldLoads: null,
        quotas: null,
      }),
      gatekeeper: createFakeGatekeeper(asked),
      connections: new ConnectionLimit(new SharedArrayBuffer(CONNECTION_CELL_BYTES), 1000),
      log: createLogger("info", "test", { write: (line) => void logLines.push(line) }),
      isReady: () => fake.isReady,
      isDraining: () => false,
      steer: async (action, model, principal) => {
        steered.push(`${action} ${model} by ${principal.id}`);
      },
      statistics: async () => [],
      logLevel: () => "info",
      setLogLevel: async () => undefined,
      storeLabels: async () => undefined,
    },
  };
  return fake;
}

function createFakeGatekeeper(asked: { action: Action; model: string | null }[]): Gatekeeper {
  return {
    authenticate: (credential) => {
      const principal = PRINCIPALS.get(credential ?? "");
      if (principal === undefined) throw new InferError("unauthenticated", "expected a known key");
      return principal;
    },
    authorise: (principal, action, model) => {
      asked.push({ action, model });
      const isRoleEnough =
        action === "probe" || ROLES.indexOf(principal.role) >= ROLES.indexOf(action);
      const reaches = model === null || principal.models[0] === "*" || model.startsWith("echo-");
      if (isRoleEnough && reaches) return;
      throw new InferError("permission-denied", `'${principal.id}' may not ${action} '${model}'`);
    },
  };
}

function createGauge() {
  let count = 0;
  return {
    enter: () => {
      count += 1;
      return count;
    },
    leave: () => {
      count -= 1;
    },
    read: () => count,
  };
}

function createServable(
  model: string,
  signature: Signature,
  run: Servable["run"],
  maxQueue: number,
): Servable {
  const id = { model, version: 1 };
  const info = {
    key: model,
    id,
    platform: "onnx_onnxv1",
    signature,
    batching: null,
    maxQueue,
    slot: 1,
  };
  return {
    info,
    findOverload: () => null,
    run,
    cancel: () => undefined,
    predictDrainMs: () => null,
  };
}

function readyModel(name: string, counter: LeaseCounter): ServingModel {
  return {
    name,
    aliases: new Map([["champion", 1]]),
    versions: new Map([[1, counter]]),
    pendingAliases: new Set(),
    onRequest: new Map(),
    statuses: [{ version: 1, state: "ready", reason: null }],
  };
}

function loadingModel(): ServingModel {
  return {
    name: "loading",
    aliases: new Map(),
    versions: new Map(),
    pendingAliases: new Set(),
    onRequest: new Map(),
    statuses: [{ version: 1, state: "loading", reason: null }],
  };
}

function echoSignature(datatype: (typeof DATATYPES)[number]): Signature {
  return {
    inputs: [{ name: "x", datatype, shape: [-1] }],
    outputs: [{ name: "y", datatype, shape: [-1] }],
  };
}

function result(outputs: readonly Tensor[]): JobResult {
  return { outputs, queueMs: 0, computeMs: 0, batchRows: 1 };
}

function renamed(job: Job): JobResult {
  return result(job.inputs.map((input) => ({ ...input, name: "y" })));
}

function doubled(job: Job): JobResult {
  const outputs = job.inputs.map((input) => {
    const data = Float32Array.from(input.data as Float32Array, (value) => value * 2);
    return { ...input, name: "y", data };
  });
  return result(outputs);
}
