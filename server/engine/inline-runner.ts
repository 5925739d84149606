// Not the global of the same name, a getter that costs as much as the clock itself.
import { performance } from "node:perf_hooks";
import {
  type NativeAddon,
  type NativeData,
  type NativeLine,
  type NativeOutput,
  TIMING,
} from "../../native/addon.ts";
import type { TensorSignature } from "../../protocols/core/signature.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { BatchClose } from "../models/loader.ts";
import type { Job } from "../models/servable.ts";
import { describeRunFailure } from "./describe-run-failure.ts";
import type { InlineTurns, TurnRunner } from "./inline-turns.ts";
import {
  cancelled,
  expired,
  hasExpired,
  type NativeJob,
  type NativeShapeClass,
} from "./native-job.ts";
import { rowsOfOutput, toTensors } from "./native-tensors.ts";
import type { RunCounter } from "./run-counters.ts";

export interface InlineParts {
  readonly addon: NativeAddon;
  readonly line: NativeLine;
  /** Of the line. */
  readonly timing: Float64Array;
  readonly runs: RunCounter;
  /** Of the thread. */
  readonly turns: InlineTurns;
  /** 1: rows are never stacked. */
  readonly maxBatchRows: number;
  /** Hands a job to the engine's threads. */
  readonly submit: (job: NativeJob) => void;
}

const US_PER_MS = 1000;

/**
 * Runs of one servable on the serving thread, at the end of the turn of the event loop that their
 * requests came in: what came in one turn is one batch, a class of shapes each. A turn is bounded
 * (turn-budget.ts); what is beyond waits for the next or goes to the engine.
 */
export class InlineRunner implements TurnRunner {
  readonly #parts: InlineParts;
  /** Classes with jobs that wait, in the order of the first of each. */
  readonly #active: NativeShapeClass[] = [];
  /** Used anew by each call into the addon, which keeps neither. */
  readonly #data: NativeData[] = [];
  readonly #shapes: (readonly number[])[] = [];
  #maxRows: number;
  #isTurnPlanned = false;
  #nowMs = 0;
  /** Of the batch that was formed last. */
  #rows = 0;
  #costRows = 0;

  constructor(parts: InlineParts) {
    this.#parts = parts;
    this.#maxRows = parts.maxBatchRows;
  }

  enqueue(shapeClass: NativeShapeClass, job: NativeJob): void {
    if (shapeClass.waiting.length === 0) this.#active.push(shapeClass);
    shapeClass.waiting.push(job);
    this.#planTurn(job.arrivedMs);
    this.#parts.turns.endIfLate(job.arrivedMs);
  }

  runTurn(): void {
    this.#isTurnPlanned = false;
    this.#nowMs = performance.now();
    while (this.#active.length > 0) {
      const shapeClass = this.#active[0] as NativeShapeClass;
      const before = shapeClass.waiting.length;
      if (this.#runClass(shapeClass)) {
        this.#active.shift();
        continue;
      }
      // One that had some of this turn is behind the others in the next.
      const wasServed = shapeClass.waiting.length < before;
      if (wasServed) this.#active.push(this.#active.shift() as NativeShapeClass);
      this.#planTurn(this.#nowMs);
      return;
    }
  }

  /** @returns whether the job waited here; then it is rejected. REQUIRES: not called by a run. */
  cancel(job: Job): boolean {
    for (const [at, { waiting }] of this.#active.entries()) {
      const place = waiting.findIndex((each) => each.job === job);
      if (place < 0) continue;
      const [native] = waiting.splice(place, 1);
      if (waiting.length === 0) this.#active.splice(at, 1);
      native?.reject(cancelled());
      return true;
    }
    return false;
  }

  /** Hands over what waits. */
  close(reject: (job: NativeJob) => void): void {
    for (const { waiting } of this.#active) {
      for (const job of waiting) reject(job);
      waiting.length = 0;
    }
    this.#active.length = 0;
  }

  #planTurn(nowMs: number): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    this.#parts.turns.plan(this, nowMs);
  }

  /** False when jobs are left for the next turn. */
  #runClass(shapeClass: NativeShapeClass): boolean {
    const { budget } = this.#parts.turns;
    const { waiting, placement } = shapeClass;
    let from = 0;
    while (from < waiting.length) {
      const first = waiting[from] as NativeJob;
      const place = placement.fitsInline(first.costRows)
        ? budget.place(placement.predictUs(first.costRows))
        : "engine";
      if (place === "next-turn") {
        waiting.splice(0, from);
        return false;
      }
      if (place === "inline") from = this.#takeInline(shapeClass, from);
      else {
        this.#parts.submit(first);
        from += 1;
      }
    }
    waiting.length = 0;
    return true;
  }

  /** Runs the batch that begins at `from`; returns where the next one does. */
  #takeInline(shapeClass: NativeShapeClass, from: number): number {
    const first = shapeClass.waiting[from] as NativeJob;
    if (hasExpired(first.job)) {
      first.reject(expired());
      return from + 1;
    }
    this.#rows = first.rows;
    this.#costRows = first.costRows;
    if (this.#maxRows === 1 || first.rows === 0) {
      this.#run(shapeClass, from, from + 1, "not-batchable");
      return from + 1;
    }
    let to = from + 1;
    let closedBy: BatchClose | null = null;
    while (closedBy === null && to < shapeClass.waiting.length) {
      closedBy = this.#tryAdd(shapeClass, shapeClass.waiting[to] as NativeJob);
      if (closedBy === null) to += 1;
    }
    this.#run(shapeClass, from, to, closedBy ?? this.#closeOfTurn(to - from));
    return to;
  }

  /** Counts the job's rows to the batch; else why the batch ends before it. */
  #tryAdd(shapeClass: NativeShapeClass, next: NativeJob): BatchClose | null {
    const rows = this.#rows + next.rows;
    // It is rejected as the first of the next one.
    if (next.rows === 0 || hasExpired(next.job)) return "shape";
    if (rows > this.#maxRows) return "rows-full";
    if (!shapeClass.placement.fitsInline(rows)) return "budget";
    this.#rows = rows;
    this.#costRows = rows;
    return null;
  }

  #closeOfTurn(jobs: number): BatchClose {
    if (this.#active.length > 1) return "shape";
    return jobs === 1 ? "alone" : "all-waiting";
  }

  #run(shapeClass: NativeShapeClass, from: number, to: number, closedBy: BatchClose): void {
    this.#parts.runs.add("inline", closedBy, 1);
    const rows = this.#rows;
    let outputs: readonly NativeOutput[];
    try {
      outputs = this.#runNow(shapeClass, from, to);
    } catch (thrown) {
      // Ended by the limit: the class is demoted by now, and the engine's threads may take their time.
      if (this.#hasOutlasted) this.#submitEach(shapeClass, from, to);
      // One bad request must not fail its neighbours.
      else if (to - from > 1) this.#runEach(shapeClass, from, to);
      else (shapeClass.waiting[from] as NativeJob).reject(refusal(thrown));
      return;
    }
    if (to - from === 1) this.#answerOne(shapeClass, from, outputs);
    else if (haveRows(outputs, rows)) this.#answerEach(shapeClass, from, to, outputs);
    else {
      // Proved with small shapes, wrong with these: never stack again, and run each alone now.
      this.#maxRows = 1;
      this.#runEach(shapeClass, from, to);
    }
  }

  #runEach(shapeClass: NativeShapeClass, from: number, to: number): void {
    for (let at = from; at < to; at += 1) {
      const job = shapeClass.waiting[at] as NativeJob;
      this.#rows = job.rows;
      this.#costRows = job.costRows;
      this.#run(shapeClass, at, at + 1, "not-batchable");
    }
  }

  #submitEach(shapeClass: NativeShapeClass, from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.#parts.submit(shapeClass.waiting[at] as NativeJob);
  }

  get #hasOutlasted(): boolean {
    const { timing } = this.#parts;
    return (timing[TIMING.wallUs] as number) >= (timing[TIMING.limitUs] as number);
  }

  /** @throws Error with the runtime's words */
  #runNow(shapeClass: NativeShapeClass, from: number, to: number): readonly NativeOutput[] {
    const { waiting, stackShapes, outputs, placement } = shapeClass;
    const { addon, line, timing } = this.#parts;
    const isStacked = to - from > 1;
    for (let i = 0; i < stackShapes.length; i += 1) {
      const shape = stackShapes[i] as number[];
      if (isStacked) shape[0] = this.#rows;
      this.#shapes[i] = isStacked ? shape : inputOf(waiting[from], i).shape;
    }
    for (let at = from; at < to; at += 1) {
      for (let i = 0; i < stackShapes.length; i += 1) this.#data.push(inputOf(waiting[at], i).data);
    }
    timing[TIMING.wallUs] = 0;
    timing[TIMING.cpuUs] = 0;
    try {
      return addon.runNow(line, this.#data, this.#shapes, outputs);
    } finally {
      // Not kept until the next run: requests may be large.
      this.#data.length = 0;
      const cpuUs = timing[TIMING.cpuUs] as number;
      if (cpuUs > 0) {
        this.#parts.turns.budget.spend(cpuUs);
        placement.observeInline(this.#costRows, cpuUs, this.#nowMs);
      }
    }
  }

  #answerOne(shapeClass: NativeShapeClass, at: number, outputs: readonly NativeOutput[]): void {
    const job = shapeClass.waiting[at] as NativeJob;
    job.resolve({
      outputs: toTensors(shapeClass.facts, outputs),
      queueMs: Math.max(0, this.#nowMs - job.arrivedMs),
      computeMs: this.#computeMs,
      batchRows: Math.max(1, job.rows),
    });
  }

  #answerEach(
    shapeClass: NativeShapeClass,
    from: number,
    to: number,
    outputs: readonly NativeOutput[],
  ): void {
    const { waiting, facts } = shapeClass;
    const computeMs = this.#computeMs;
    const batchRows = this.#rows;
    let row = 0;
    for (let at = from; at < to; at += 1) {
      const job = waiting[at] as NativeJob;
      const own: Tensor[] = [];
      for (let i = 0; i < outputs.length; i += 1) {
        const fact = facts[i] as TensorSignature;
        own.push(rowsOfOutput(fact, outputs[i] as NativeOutput, row, job.rows));
      }
      row += job.rows;
      const queueMs = Math.max(0, this.#nowMs - job.arrivedMs);
      job.resolve({ outputs: own, queueMs, computeMs, batchRows });
    }
  }

  get #computeMs(): number {
    return (this.#parts.timing[TIMING.wallUs] as number) / US_PER_MS;
  }
}

function inputOf(job: NativeJob | undefined, index: number): Tensor {
  return (job as NativeJob).job.inputs[index] as Tensor;
}

function haveRows(outputs: readonly NativeOutput[], rows: number): boolean {
  for (let i = 0; i < outputs.length; i += 1) {
    if ((outputs[i] as NativeOutput).shape[0] !== rows) return false;
  }
  return true;
}

/** A TypeError is a fault of ours: the log has it, and the client hears of no detail. */
function refusal(thrown: unknown): unknown {
  if (thrown instanceof TypeError) return thrown;
  return new InferError("invalid-argument", describeRunFailure(thrown));
}
