import { fileURLToPath } from "node:url";
import { loadAddon } from "../native/load-addon.ts";
import type { DirectAnswer, DirectBinding, DirectPlan } from "./baseline/direct-plan.ts";
import { runtimeLibraryPath } from "./baseline/runtime-library.ts";
import { Child } from "./child.ts";
import type { LoadPlan } from "./load-plan.ts";
import { type LoadResult, summariseLoad } from "./load-result.ts";
import type { ListPids } from "./machine/usage-window.ts";
import { runLoad } from "./run-load.ts";

/** One side of a comparison; measured again and again, in turn with the other. */
export interface Contender<T = LoadResult> {
  readonly name: string;
  measure(): Promise<T>;
}

/**
 * A server that runs already.
 * @param pids its processes; null when they are not ours to look at
 */
export function serverContender(
  name: string,
  plan: LoadPlan,
  threads: number,
  pids: ListPids | null,
): Contender {
  return { name, measure: () => runLoad(name, plan, threads, () => undefined, pids) };
}

/** Called one at a time in a process of its own, started anew for every measurement. */
export function directContender(plan: DirectPlan, cores: string | null): Contender {
  const name = plan.through === "addon" ? "onnxruntime direct" : "onnxruntime-node direct";
  return {
    name,
    async measure() {
      const script = fileURLToPath(new URL("./baseline/onnxruntime-direct.js", import.meta.url));
      const child = new Child(name, script, [], cores);
      const limitMs = plan.warmupMs + plan.durationMs + START_ALLOWANCE_MS;
      try {
        const { tally, usage } = (await child.ask(plan, limitMs)) as DirectAnswer;
        const { durationMs } = plan;
        const load = { name, connections: 1, ratePerSec: null, durationMs, deadlineMs: null };
        return summariseLoad({ ...load, ...NO_GENERATOR, usage }, [tally]);
      } finally {
        await child.stop();
      }
    },
  };
}

/** The addon where it is: the runtime without the cost of a binding. */
export function bestDirectBinding(): DirectBinding {
  return loadAddon(runtimeLibraryPath()).addon === null ? "onnxruntime-node" : "addon";
}

const NO_GENERATOR = {
  generator: null,
  generatorReason: null,
  generatorUtilization: 0,
  generatorCpuUsPerAnswer: null,
  generatorDelayP99Ms: null,
};

/** For loading the model, and for a last run that is long. */
const START_ALLOWANCE_MS = 60_000;
