import { setTimeout } from "node:timers/promises";
import { judgeNoise, type NoiseReading } from "./noise.ts";
import { readProcessTree, treeCpuUs } from "./process-tree.ts";
import { readProcessorTimes } from "./processor-times.ts";

/** One measurement being watched. */
export interface NoiseWatch {
  /** What disturbed it, from its start to now. REQUIRES: called once. */
  end(): NoiseReading;
}

/** Says whether the machine was quiet enough to believe what was measured on it. */
export interface MachineGuard {
  /** Waits for a quiet moment, not for ever, and watches from then on. */
  settle(): Promise<NoiseWatch>;
  /** All that `end` gave so far. */
  readonly readings: readonly NoiseReading[];
}

const SAMPLE_MS = 200;
/** Whatever is busy at most this long (a package manager's timer, a build) is waited out. */
const PATIENCE_MS = 10_000;
/** About 5 ms of arithmetic: long beside a timer's resolution, short beside a time slice. */
const SPIN_ROUNDS = 5_000_000;
const SPINS = 3;

/** @param patienceMs longest wait for a quiet moment; 0 asks once */
export function createMachineGuard(patienceMs: number = PATIENCE_MS): MachineGuard {
  return new ProcGuard(patienceMs);
}

/** One look at the clocks. */
export interface MachineTimes {
  readonly atMs: number;
  readonly busyUs: number;
  readonly stolenUs: number;
  readonly ownUs: number;
}

/** Reads /proc; where there is none, only the fixed work tells. Main thread only. */
class ProcGuard implements MachineGuard {
  readonly readings: NoiseReading[] = [];
  readonly #patienceMs: number;
  #fastestSpinMs = Number.POSITIVE_INFINITY;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  async settle(): Promise<NoiseWatch> {
    const untilMs = performance.now() + this.#patienceMs;
    while ((await this.#sample()).isNoisy && performance.now() < untilMs);
    const start = readTimes();
    return {
      end: () => {
        const reading = judgeNoise({
          ...noiseBetween(start, readTimes()),
          slowdown: this.#slowdown(),
        });
        this.readings.push(reading);
        return reading;
      },
    };
  }

  async #sample(): Promise<NoiseReading> {
    const start = readTimes();
    await setTimeout(SAMPLE_MS);
    return judgeNoise({ ...noiseBetween(start, readTimes()), slowdown: this.#slowdown() });
  }

  #slowdown(): number {
    const spinMs = Math.min(...Array.from({ length: SPINS }, spin));
    this.#fastestSpinMs = Math.min(this.#fastestSpinMs, spinMs);
    return spinMs / this.#fastestSpinMs;
  }
}

function readTimes(): MachineTimes {
  const { busyUs, stolenUs } = readProcessorTimes() ?? { busyUs: 0, stolenUs: 0 };
  // At once: on a busy machine walking the processes below takes its time.
  const atMs = performance.now();
  return { atMs, busyUs, stolenUs, ownUs: treeCpuUs(readProcessTree([process.pid])) };
}

/** Own work, that of the processes which this one started too, disturbs nobody. */
export function noiseBetween(
  start: MachineTimes,
  end: MachineTimes,
): { otherCores: number; stolenCores: number } {
  const wallUs = (end.atMs - start.atMs) * 1000;
  if (wallUs <= 0) return { otherCores: 0, stolenCores: 0 };
  const otherUs = end.busyUs - start.busyUs - (end.ownUs - start.ownUs);
  return {
    otherCores: Math.max(0, otherUs) / wallUs,
    stolenCores: (end.stolenUs - start.stolenUs) / wallUs,
  };
}

/** Wall-clock milliseconds of the fixed work. */
function spin(): number {
  const startMs = performance.now();
  let state = 1;
  for (let round = 0; round < SPIN_ROUNDS; round += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  }
  // The result is used, so that the loop cannot be optimised away.
  if (state === -1) throw new Error("unreachable");
  return performance.now() - startMs;
}
