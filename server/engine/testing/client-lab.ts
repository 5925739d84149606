import assert from "node:assert/strict";
import type { NativeAddon, NativeAnswer } from "../../../native/addon.ts";
import { DEFAULT_PRIORITY } from "../../../protocols/core/schedule.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import type { Job, JobResult, ServableInfo } from "../../models/servable.ts";
import type { ConnectedServable } from "../connected-servable.ts";
import { InlineTurns } from "../inline-turns.ts";
import { connectNative } from "../native-client.ts";
import { createRunBlock, RunReader } from "../run-counters.ts";
import { createFakeAddon, type FakeAddon } from "./fake-addon.ts";

export const MAX_ROWS = 8;
export const WIDTH = 4;

/** A model of one FP32 input and output, [rows, width], batched up to `maxRows` (null: never). */
export function infoOf(maxRows: number | null): ServableInfo {
  return {
    key: "m/1",
    id: { model: "m", version: 1 },
    platform: "onnx_onnxv1",
    signature: {
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, -1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, -1] }],
    },
    batching: maxRows === null ? null : { maxRows },
    maxQueue: 1000,
    slot: 1,
  };
}

/** A job of `rows` × `width` values, all of them `value`. */
export function jobOf(
  value: number,
  rows = 1,
  width = WIDTH,
  deadlineEpochMs: number | null = null,
): Job {
  const data = new Float32Array(rows * width).fill(value);
  const x: Tensor = { name: "x", datatype: "FP32", shape: [rows, width], data };
  return { inputs: [x], outputs: ["y"], deadlineEpochMs, priority: DEFAULT_PRIORITY };
}

export function firstOf({ outputs }: JobResult): number | undefined {
  const [y] = outputs;
  assert.ok(y?.data instanceof Float32Array);
  return y.data[0];
}

function answeringByHand(addon: NativeAddon, submit: SubmitByHand): NativeAddon {
  let answer: (answers: readonly NativeAnswer[]) => void = () => undefined;
  return {
    ...addon,
    connect: (session, onAnswers, timing) => {
      answer = onAnswers;
      return addon.connect(session, onAnswers, timing);
    },
    submit: (_line, jobId) => {
      setImmediate(() => submit(jobId, answer));
    },
  };
}

/** What takes the place of the fake addon's submit: answers by hand, after the turn. */
export type SubmitByHand = (
  jobId: number,
  answer: (answers: readonly NativeAnswer[]) => void,
) => void;

/** A native client over an addon whose costs, refusals and answers the test sets. */
export class ClientLab {
  readonly fake: FakeAddon = createFakeAddon();
  readonly runs = new RunReader();
  readonly client: ConnectedServable;

  constructor(
    maxRows: number | null = MAX_ROWS,
    inlineBudgetUs = 200,
    submit: SubmitByHand | null = null,
  ) {
    const block = createRunBlock();
    this.runs.watch(block);
    this.client = connectNative(
      infoOf(maxRows),
      {
        kind: "native",
        session: 1,
        inlineBudgetUs,
        maxQueueMs: 10_000,
        sampleMs: null,
        runs: block,
      },
      submit === null ? this.fake.addon : answeringByHand(this.fake.addon, submit),
      // A busy machine ends no turn early here.
      new InlineTurns(Number.POSITIVE_INFINITY),
    );
  }

  run(job: Job): Promise<JobResult> {
    return this.client.run(job);
  }

  /** Engine runs that prove a class cheap; what they did is forgotten. */
  async prove(width = WIDTH, rows = 1): Promise<void> {
    for (let i = 0; i < 3; i += 1) await this.run(jobOf(1, rows, width));
    this.forgetRuns();
  }

  forgetRuns(): void {
    (this.fake.runs as unknown[]).length = 0;
  }

  /** Dimension 0 of what was run, in the order of the runs. */
  rowsRun(kind: "now" | "submitted"): (number | undefined)[] {
    return this.fake.runs.filter((run) => run.kind === kind).map((run) => run.shapes[0]?.[0]);
  }
}
