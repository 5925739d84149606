import type { EngineName } from "./pick-engine.ts";

export interface EngineThreads {
  /** Threads that take jobs, per version. */
  readonly engineThreads: number;
  /** Threads inside one run. */
  readonly intraOpThreads: number;
}

const CORES_PER_THREAD = 4;
const MOST_THREADS = 8;

/**
 * What 0 stands for in both settings. Together they make use of every core once. Portable: one
 * thread, for each more holds the weights again. Native: a quarter of the cores, so that a run that does not
 * parallelise leaves none idle, and a lone request still has several.
 */
export function engineThreads(
  set: EngineThreads,
  engine: EngineName,
  cores: number,
): EngineThreads {
  const suited =
    engine === "portable"
      ? 1
      : Math.min(Math.max(1, Math.floor(cores / CORES_PER_THREAD)), MOST_THREADS);
  const threads = set.engineThreads > 0 ? set.engineThreads : suited;
  return {
    engineThreads: threads,
    intraOpThreads:
      set.intraOpThreads > 0 ? set.intraOpThreads : Math.max(1, Math.floor(cores / threads)),
  };
}
