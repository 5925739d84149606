import { join } from "node:path";
import type { NativeAddon, NativeSessionId } from "../../native/addon.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import { MODEL_FILE } from "../../protocols/repository/layout.ts";
import type { LoadedVersion, Loader, LoadOptions } from "../models/loader.ts";
import { EngineLine } from "./engine-line.ts";
import type { NativeChannel } from "./native-messages.ts";
import { signatureOfSession } from "./native-tensors.ts";
import { createRunBlock, RunReader } from "./run-counters.ts";
import { warmUp, warmupBatches } from "./warm-up.ts";
import { warmupInputs } from "./warmup-inputs.ts";

export interface NativeOptions {
  readonly addon: NativeAddon;
  /** Threads that take jobs, per version; all use its one session. */
  readonly engineThreads: number;
  /** Threads inside one run, the one that runs it included. */
  readonly intraOpThreads: number;
  /** Most microseconds of one run on a serving thread; 0: none there. */
  readonly inlineBudgetUs: number;
  /** Most milliseconds that a job may be predicted to wait and run. */
  readonly maxQueueMs: number;
}

/** No lease is left when a version unloads, so no run should be: this is for what went wrong. */
const UNLOAD_GRACE_MS = 5000;

/**
 * The addon's sessions: one a version for all threads. Runs on the control thread, which it never
 * blocks: graphs load and warm on threads of the addon.
 */
export function createNativeEngine(options: NativeOptions): Loader<NativeChannel> {
  return {
    name: "native",
    costBytes: (weightBytes, { loadedBytes }) => Math.max(weightBytes, loadedBytes),
    load: async (load, onWarming) => {
      const { addon, engineThreads, intraOpThreads } = options;
      const session = await addon.openSession({
        modelPath: join(load.version.directory, MODEL_FILE),
        intraOpThreads,
        engineThreads,
        maxBatchRows: load.report.isBatchable ? load.maxBatchRows : 0,
      });
      try {
        await warm(options, session, load, onWarming);
      } catch (thrown) {
        await addon.closeSession(session, UNLOAD_GRACE_MS);
        throw thrown;
      }
      return new NativeVersion(options, load, session);
    },
  };
}

/** Over every thread of the session: each has memory of its own. */
async function warm(
  { addon, engineThreads }: NativeOptions,
  session: NativeSessionId,
  load: LoadOptions,
  onWarming: () => void,
): Promise<void> {
  const signature = signatureOfSession(addon, session);
  assertSameOrder(load.report.signature, signature);
  onWarming();
  const sample = warmupInputs(load);
  if (sample === null) return;
  const line = new EngineLine(addon, session, signature);
  const outputs = signature.outputs.map((output) => output.name);
  const runs = Array.from({ length: engineThreads }, () => line);
  try {
    await warmUp(
      warmupBatches(sample, load.report.isBatchable ? load.maxBatchRows : 1),
      (inputs) => settleAll(runs.map((each) => each.run(inputs, outputs))),
      () => performance.now(),
    );
  } finally {
    line.close();
  }
}

/** No run may be in flight when the line closes: rejects after all have ended, where any has. */
async function settleAll(runs: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(runs);
  await Promise.all(runs);
}

/** Serving threads know inputs and outputs by their place; another order would mix them up. */
function assertSameOrder(vetted: Signature, loaded: Signature): void {
  for (const side of ["inputs", "outputs"] as const) {
    const wanted = vetted[side].map(({ name, datatype }) => `${name} ${datatype}`).join(", ");
    const got = loaded[side].map(({ name, datatype }) => `${name} ${datatype}`).join(", ");
    if (wanted !== got) throw new Error(`vetting saw the ${side} ${wanted}; the graph has ${got}`);
  }
}

class NativeVersion implements LoadedVersion<NativeChannel> {
  readonly #options: NativeOptions;
  readonly #load: LoadOptions;
  readonly #session: NativeSessionId;
  readonly #runs = new RunReader();

  constructor(options: NativeOptions, load: LoadOptions, session: NativeSessionId) {
    this.#options = options;
    this.#load = load;
    this.#session = session;
  }

  batches: RunReader["batches"] = (placement, closedBy) => this.#runs.batches(placement, closedBy);

  connect(): { channel: NativeChannel; transferList: readonly [] } {
    const runs = createRunBlock();
    this.#runs.watch(runs);
    const channel: NativeChannel = {
      kind: "native",
      session: this.#session,
      inlineBudgetUs: this.#options.inlineBudgetUs,
      maxQueueMs: this.#options.maxQueueMs,
      sampleMs: this.#load.report.sampleMs,
      runs,
    };
    return { channel, transferList: [] };
  }

  unload(): Promise<void> {
    return this.#options.addon.closeSession(this.#session, UNLOAD_GRACE_MS);
  }
}
