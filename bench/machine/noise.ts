/** What disturbed a measurement. */
export interface NoiseReading {
  /** Cores that processes kept busy which are not part of the measurement. */
  readonly otherCores: number;
  /** Cores that the hypervisor gave to others. */
  readonly stolenCores: number;
  /** Time of a fixed piece of work against the fastest seen so far, 1 or more. */
  readonly slowdown: number;
  readonly isNoisy: boolean;
}

/** A tenth of a core decides comparisons of a few per cent, and a desktop at rest uses less. */
export const MAX_OTHER_CORES = 0.15;
export const MAX_STOLEN_CORES = 0.05;
/** Processors change their clock by this much by themselves. */
export const MAX_SLOWDOWN = 1.25;
/** A median stands while most of the pairs behind it do. */
const MAX_NOISY_SHARE = 1 / 3;

export function judgeNoise(reading: Omit<NoiseReading, "isNoisy">): NoiseReading {
  const isNoisy =
    reading.otherCores > MAX_OTHER_CORES ||
    reading.stolenCores > MAX_STOLEN_CORES ||
    reading.slowdown > MAX_SLOWDOWN;
  return { ...reading, isNoisy };
}

/** Whether a median of `pairs` measurements may be printed when that many were disturbed. */
export function isQuietEnough(pairs: number, noisyPairs: number): boolean {
  return noisyPairs <= pairs * MAX_NOISY_SHARE;
}

export function describeNoise(reading: NoiseReading): string {
  const { otherCores, stolenCores, slowdown } = reading;
  return `other work ${otherCores.toFixed(2)} cores, stolen ${stolenCores.toFixed(2)} cores, fixed work ${slowdown.toFixed(2)}x its fastest`;
}
