import type { TunedKey, TunedSettings } from "./tuned-settings.ts";

/** What the search may try for one setting. */
export interface Axis {
  readonly key: TunedKey;
  /**
   * Each arm leads away from the start value, nearest first, and is followed for as long as every
   * step is better than the one before.
   */
  readonly arms: readonly (readonly number[])[];
}

export interface SkippedAxis {
  readonly key: TunedKey;
  readonly why: string;
}

export interface AxisPlan {
  readonly axes: readonly Axis[];
  readonly skipped: readonly SkippedAxis[];
}

/** All that decides what is worth a measurement. */
export interface AxisFacts {
  readonly start: TunedSettings;
  /** That the server may use. */
  readonly cores: number;
  /** Most rows that can wait at once: connections times rows of a request. */
  readonly rowsInFlight: number;
  /** The first dimension of every input is open. */
  readonly canBatch: boolean;
  /** The addon runs the model; the portable engine has no inline runs. */
  readonly isNative: boolean;
  readonly isGrpc: boolean;
  /** Empty: all. */
  readonly only: readonly TunedKey[];
}

const BATCH_ROWS = [1, 4, 16, 64, 256, 1024] as const;
const INLINE_BUDGETS_US = [0, 50, 200, 1000, 5000] as const;

/** What to try for this machine, model and load; what cannot matter is left out and says why. */
export function planAxes(facts: AxisFacts, keys: readonly TunedKey[]): AxisPlan {
  const axes: Axis[] = [];
  const skipped: SkippedAxis[] = [];
  for (const key of keys) {
    if (facts.only.length > 0 && !facts.only.includes(key)) continue;
    const arms = armsOf(key, facts).filter((arm) => arm.length > 0);
    const why = whyNot(key, facts) ?? (arms.length === 0 ? "no other value fits" : null);
    if (why === null) axes.push({ key, arms });
    else skipped.push({ key, why });
  }
  return { axes, skipped };
}

/** Whether the machine has the cores for it; the threads that 0 stands for always fit. */
export function fitsMachine(settings: TunedSettings, cores: number): boolean {
  const { threads, engineThreads, intraOpThreads } = settings;
  return threads <= cores && Math.max(1, engineThreads) * Math.max(1, intraOpThreads) <= cores;
}

function whyNot(key: TunedKey, facts: AxisFacts): string | null {
  if (key === "threads" && facts.isGrpc) return "gRPC has one serving thread";
  if (key === "maxBatchRows" && !facts.canBatch) return "the model's first dimension is fixed";
  if (key === "inlineBudgetUs" && !facts.isNative) return "the portable engine has no inline runs";
  return null;
}

function armsOf(key: TunedKey, { start, cores, rowsInFlight }: AxisFacts): (readonly number[])[] {
  switch (key) {
    case "threads":
      return bothWays(powersOfTwo(cores), start.threads);
    case "engineThreads":
    case "intraOpThreads":
      // 0 lets the server choose: there is no telling where it stands among the others.
      return start[key] === 0
        ? powersOfTwo(cores).map((value) => [value])
        : bothWays(powersOfTwo(cores), start[key]);
    case "maxBatchRows":
      return withOff(batchArms(start.maxBatchRows, rowsInFlight), 1);
    case "inlineBudgetUs":
      return withOff(bothWays(INLINE_BUDGETS_US, start.inlineBudgetUs), 0);
  }
}

/** Limits that the load cannot reach are all the same limit. */
function batchArms(start: number, rowsInFlight: number): (readonly number[])[] {
  const topmost = BATCH_ROWS.find((rows) => rows >= rowsInFlight) ?? Number.POSITIVE_INFINITY;
  const reached = BATCH_ROWS.filter((rows) => rows < rowsInFlight || rows === topmost);
  const [up = [], down = []] = bothWays(reached, start);
  return [start >= rowsInFlight ? [] : up, down.filter((rows) => rows < rowsInFlight)];
}

/** Up from the start, and down from it. */
function bothWays(values: readonly number[], start: number): (readonly number[])[] {
  const sorted = [...new Set(values)].toSorted((a, b) => a - b);
  const up = sorted.filter((value) => value > start);
  const down = sorted.filter((value) => value < start).toReversed();
  return [up, down];
}

/** Turning something off is another thing than less of it: it is tried whatever lies between. */
function withOff(arms: (readonly number[])[], off: number): (readonly number[])[] {
  const isThere = arms.some((arm) => arm.includes(off));
  return isThere ? [...arms.map((arm) => arm.filter((value) => value !== off)), [off]] : arms;
}

/** 1, 2, 4 … and the cores themselves. */
function powersOfTwo(cores: number): number[] {
  const values: number[] = [];
  for (let value = 1; value < cores; value *= 2) values.push(value);
  return [...values, cores];
}
