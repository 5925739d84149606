import {
  ELEMENT_TYPES,
  type NativeAddon,
  type NativeAnswer,
  type NativeData,
  type NativeLine,
  type NativeOutput,
  TIMING,
} from "../../../native/addon.ts";

/** A run that the addon was asked for. */
export interface FakeRun {
  readonly kind: "now" | "submitted";
  readonly inputs: readonly NativeData[];
  readonly shapes: readonly (readonly number[])[];
  readonly outputs: readonly number[];
}

export interface FakeAddon {
  readonly addon: NativeAddon;
  readonly runs: readonly FakeRun[];
  /** CPU time that runs of so many rows take, microseconds. */
  costUs: (rows: number) => number;
  /** Runs whose first input holds this value are refused. */
  refuses: number;
  /** Rows that the outputs lack, as of a graph that mixes rows. */
  lostRows: number;
  /** What predictOverload says. */
  overloadMs: number;
  /** By `predictOverload`, last. */
  askedTimeoutMs: number;
}

/** One session of y = 2 * x, FP32 [-1, width], that costs what the test says. Answers come in the next turn. */
export function createFakeAddon(): FakeAddon {
  const runs: FakeRun[] = [];
  let onAnswers: (answers: readonly NativeAnswer[]) => void = () => undefined;
  let timing = new Float64Array(TIMING.cells);
  const compute = (run: FakeRun): NativeOutput[] => {
    const [rows = 1, width = 1] = run.shapes[0] ?? [];
    const limitUs = (run.kind === "now" && timing[TIMING.limitUs]) || Number.POSITIVE_INFINITY;
    const costUs = Math.min(fake.costUs(rows), limitUs);
    timing[TIMING.wallUs] = costUs;
    timing[TIMING.cpuUs] = costUs;
    if (costUs === limitUs) throw new Error("the run took longer than its limit");
    const x = run.inputs.flatMap((data) => [...(data as Float32Array)]);
    if (x.includes(fake.refuses)) throw new Error("Status Message: a value is out of range");
    const given = rows - fake.lostRows;
    const data = Float32Array.from(x.slice(0, given * width), (value) => 2 * value);
    return run.outputs.map(() => ({ data, shape: [given, width] }));
  };
  const addon: NativeAddon = {
    runtimeVersion: "0.0.0",
    openSession: async () => 1,
    signatureOf: () => {
      const info = { elementType: ELEMENT_TYPES.FP32, shape: [-1, 4] };
      return { inputs: [{ ...info, name: "x" }], outputs: [{ ...info, name: "y" }] };
    },
    closeSession: async () => undefined,
    connect: (_session, listener, cells) => {
      onAnswers = listener;
      timing = cells as Float64Array<ArrayBuffer>;
      return {} as NativeLine;
    },
    disconnect: () => undefined,
    runNow: (_line, inputs, shapes, outputs) => {
      const run: FakeRun = { kind: "now", inputs: [...inputs], shapes: copyOf(shapes), outputs };
      runs.push(run);
      return compute(run);
    },
    submit: (_line, jobId, inputs, shapes, outputs) => {
      const run: FakeRun = { kind: "submitted", inputs, shapes: copyOf(shapes), outputs };
      runs.push(run);
      setImmediate(() => onAnswers([answerOf(jobId, run, compute)]));
    },
    cancel: () => false,
    predictOverload: (_line, timeoutMs) => {
      fake.askedTimeoutMs = timeoutMs;
      return fake.overloadMs;
    },
    scanNumbers: () => false,
    writeNumbers: () => -1,
  };
  const fake: FakeAddon = {
    ...{ addon, runs, costUs: () => 10 },
    ...{ refuses: Number.NaN, lostRows: 0, overloadMs: 0, askedTimeoutMs: 0 },
  };
  return fake;
}

function answerOf(
  jobId: number,
  run: FakeRun,
  compute: (run: FakeRun) => NativeOutput[],
): NativeAnswer {
  const common = { jobId, queueMs: 0, computeMs: 0.01, batchRows: run.shapes[0]?.[0] ?? 1 };
  try {
    return { ...common, status: "done", message: null, outputs: compute(run) };
  } catch (thrown) {
    return { ...common, status: "refused", message: (thrown as Error).message, outputs: [] };
  }
}

/** As the addon does: the caller uses the arrays anew. */
function copyOf(shapes: readonly (readonly number[])[]): number[][] {
  return shapes.map((shape) => [...shape]);
}
