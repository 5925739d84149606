import { Histogram, type Registry } from "prom-client";
import type { VersionState } from "../../models/lifecycle.ts";
import type { StateEvent } from "../../models/state-bus.ts";

export const LOAD_BOUNDS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const MS_PER_SECOND = 1000;

export type LoadPhase = "fetch" | "vet" | "load" | "warm" | "total";

/** What a version does in a state, and the state that says that it is done. */
const PHASES: Partial<Record<VersionState, readonly [LoadPhase, VersionState]>> = {
  downloading: ["fetch", "verified"],
  vetting: ["vet", "loading"],
  loading: ["load", "warming"],
  warming: ["warm", "ready"],
};

export interface LoadHistograms {
  readonly loadSeconds: Histogram<"phase">;
  readonly swapSeconds: Histogram;
}

export function createLoadHistograms(registry: Registry): LoadHistograms {
  const registers = [registry];
  return {
    loadSeconds: new Histogram({
      name: "sluice_version_load_seconds",
      help: "How long versions took that became ready, by phase; of a broken load, the phases that it finished.",
      labelNames: ["phase"] as const,
      buckets: LOAD_BOUNDS_SECONDS,
      registers,
    }),
    swapSeconds: new Histogram({
      name: "sluice_swap_seconds",
      help: "From reading an index that names another champion of a served model until every thread serves it.",
      buckets: LOAD_BOUNDS_SECONDS,
      registers,
    }),
  };
}

/** Measures loads from the steps of versions. Control thread. */
export class LoadTimer {
  readonly #onPhase: (phase: LoadPhase, seconds: number) => void;
  /** Versions on their way ("m/1"), epoch milliseconds. */
  readonly #underWay = new Map<
    string,
    { readonly startedMs: number; readonly enteredMs: number }
  >();

  constructor(onPhase: (phase: LoadPhase, seconds: number) => void) {
    this.#onPhase = onPhase;
  }

  take({ id, from, to, atMs }: StateEvent): void {
    const key = `${id.model}/${id.version}`;
    const before = this.#underWay.get(key);
    if (before !== undefined) this.#observe(from, to, before, atMs);
    if (to === "ready" || to === "failed" || to === "unloaded") this.#underWay.delete(key);
    else if (to === "downloading") this.#underWay.set(key, { startedMs: atMs, enteredMs: atMs });
    else if (before !== undefined) this.#underWay.set(key, { ...before, enteredMs: atMs });
  }

  #observe(
    from: VersionState,
    to: VersionState,
    before: { readonly startedMs: number; readonly enteredMs: number },
    atMs: number,
  ): void {
    const [phase, done] = PHASES[from] ?? [];
    if (phase === undefined || to !== done) return;
    this.#onPhase(phase, secondsBetween(before.enteredMs, atMs));
    if (to === "ready") {
      this.#onPhase("total", secondsBetween(before.startedMs, atMs));
    }
  }
}

/** Never negative: the clock may be set back. */
function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs) / MS_PER_SECOND;
}
