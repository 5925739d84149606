import type { TensorSignature } from "../../../protocols/core/signature.ts";
import { createRefusal, InferError } from "../../../protocols/core/status.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import { epochNowMs } from "../../lib/epoch-clock.ts";
import { LeaseCounter } from "../../models/lease.ts";
import type { Job, JobResult, Servable } from "../../models/servable.ts";
import { ServingMap, type ServingModel, type VersionStatus } from "../../models/serving-map.ts";

const INPUT: TensorSignature = { name: "x", datatype: "FP32", shape: [-1] };
const OUTPUT: TensorSignature = { name: "y", datatype: "FP32", shape: [-1] };

/** Holds every run of the `slow` model until it is opened. */
export class Gate {
  #waiting: { readonly job: Job; readonly deferred: Deferred<void> }[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }

  wait(job: Job): Promise<void> {
    const deferred = createDeferred<void>();
    this.#waiting.push({ job, deferred });
    return deferred.promise;
  }

  /** Lets one run go on: the one that came at `index`. */
  open(index = 0): void {
    const [run] = this.#waiting.splice(index, 1);
    if (run === undefined) throw new Error(`no run waits at ${index}`);
    run.deferred.resolve();
  }

  /** Ends the run of this job, as an engine does where nobody waits for it. */
  cancel(job: Job): void {
    const index = this.#waiting.findIndex((run) => run.job === job);
    if (index < 0) return;
    const [run] = this.#waiting.splice(index, 1);
    run?.deferred.reject(new InferError("cancelled", "nobody waits"));
  }

  openAll(): void {
    while (this.#waiting.length > 0) this.open();
  }
}

export interface FakeModels {
  readonly map: ServingMap;
  readonly gate: Gate;
  /** Runs begun so far. */
  runs(): number;
  /** Leases held over all models. */
  leases(): number;
}

type Compute = (x: Float32Array, job: Job) => Float32Array | Promise<Float32Array>;

/**
 * double (versions 1 and 2, champion 2, previous 1): y = 2x · echo: y = x · slow: y = x once the gate
 * opens · failing: throws what no client may see · refusing: an InferError of the engine · huge: x[0]
 * zeros · deadline: milliseconds left, and the priority · busy: y = x, and no time for what has a deadline · unready:
 * known, no version serves.
 */
export function createFakeModels(): FakeModels {
  const gate = new Gate();
  const counters: LeaseCounter[] = [];
  let runs = 0;
  const model = (
    name: string,
    compute: Compute,
    versions: readonly number[] = [1],
  ): ServingModel => {
    const served = versions.map((version): [number, LeaseCounter] => {
      const counter = new LeaseCounter(
        fakeServable(name, version, gate, (x, job) => {
          runs += 1;
          return compute(x, job);
        }),
      );
      counters.push(counter);
      return [version, counter];
    });
    return {
      name,
      aliases: new Map([
        ["champion", versions.at(-1) ?? 0],
        ["previous", versions[0] ?? 0],
      ]),
      versions: new Map(served),
      pendingAliases: new Set(),
      onRequest: new Map(),
      statuses: versions.map(
        (version): VersionStatus => ({ version, state: "ready", reason: null }),
      ),
    };
  };
  const unready: ServingModel = {
    name: "unready",
    aliases: new Map(),
    versions: new Map(),
    pendingAliases: new Set(),
    onRequest: new Map(),
    statuses: [{ version: 1, state: "failed", reason: "bad graph" }],
  };
  const models = [
    model("double", (x) => x.map((value) => value * 2), [1, 2]),
    model("echo", (x) => x),
    model("slow", async (x, job) => {
      await gate.wait(job);
      return x;
    }),
    model("failing", () => {
      throw new Error("secret of /etc/passwd");
    }),
    model("refusing", () => {
      throw new InferError("unavailable", "the engine ended", { retryAfterMs: 2500 });
    }),
    model("huge", (x) => new Float32Array(x[0] ?? 0)),
    model("busy", (x) => x),
    model("deadline", (_x, job) => leftAndPriority(job)),
    unready,
  ];
  const map = new ServingMap(1, new Map(models.map((entry) => [entry.name, entry])));
  return {
    map,
    gate,
    runs: () => runs,
    leases: () => counters.reduce((sum, counter) => sum + counter.count, 0),
  };
}

function leftAndPriority({ deadlineEpochMs, priority }: Job): Float32Array {
  return new Float32Array([(deadlineEpochMs ?? 0) - epochNowMs(), priority]);
}

function fakeServable(name: string, version: number, gate: Gate, compute: Compute): Servable {
  return {
    info: {
      key: `${name}/${version}`,
      id: { model: name, version },
      platform: "onnx_onnxv1",
      signature: { inputs: [INPUT], outputs: [OUTPUT] },
      batching: null,
      maxQueue: 100,
      slot: 1,
    },
    findOverload: (deadlineEpochMs) =>
      name === "busy" && deadlineEpochMs !== null
        ? createRefusal("queue-full", "model 'busy' has work for about 70 ms", 1070)
        : null,
    cancel: (job) => gate.cancel(job),
    predictDrainMs: () => null,
    async run(job: Job): Promise<JobResult> {
      const y = await compute(job.inputs[0]?.data as Float32Array, job);
      const tensor: Tensor = { name: "y", datatype: "FP32", shape: [y.length], data: y };
      return { outputs: [tensor], queueMs: 0, computeMs: 0, batchRows: 1 };
    },
  };
}
