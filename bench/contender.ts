import { fileURLToPath } from "node:url";
import type { DirectPlan } from "./baseline/direct-plan.ts";
import { Child } from "./child.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { LoadTally } from "./load-recorder.ts";
import { type LoadResult, summariseLoad } from "./load-result.ts";
import { runLoad } from "./run-load.ts";

/** One side of a comparison; measured again and again, in turn with the other. */
export interface Contender {
  readonly name: string;
  measure(): Promise<LoadResult>;
}

/** A server that runs already. */
export function serverContender(name: string, plan: LoadPlan, threads: number): Contender {
  return { name, measure: () => runLoad(name, plan, threads, () => undefined) };
}

/** Called one at a time in a process of its own, started anew for every measurement. */
export function directContender(plan: DirectPlan): Contender {
  const name = "onnxruntime-node direct";
  return {
    name,
    async measure() {
      const script = fileURLToPath(new URL("./baseline/onnxruntime-direct.js", import.meta.url));
      const child = new Child(name, script, []);
      const limitMs = plan.warmupMs + plan.durationMs + START_ALLOWANCE_MS;
      try {
        const tally = (await child.ask(plan, limitMs)) as LoadTally;
        const facts = { name, connections: 1, ratePerSec: null, durationMs: plan.durationMs };
        return summariseLoad(facts, [tally], 0);
      } finally {
        await child.stop();
      }
    },
  };
}

/** For loading the model, and for a last run that is long. */
const START_ALLOWANCE_MS = 60_000;
