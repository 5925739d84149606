// Not the global of the same name, a getter that costs as much as the clock itself.
import { performance } from "node:perf_hooks";
import {
  type NativeAddon,
  type NativeAnswer,
  type NativeLine,
  TIMING,
} from "../../native/addon.ts";
import { createRefusal, InferError } from "../../protocols/core/status.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import { jittered } from "../lib/jittered.ts";
import type { BatchClose } from "../models/loader.ts";
import type { ClassExplanation, Job, JobResult, ServableInfo } from "../models/servable.ts";
import type { ConnectedServable } from "./connected-servable.ts";
import { describeRunFailure } from "./describe-run-failure.ts";
import { InlineRunner } from "./inline-runner.ts";
import { InlineTurns } from "./inline-turns.ts";
import { cancelled, costRowsOf, expired, type NativeJob, rowsOf } from "./native-job.ts";
import type { NativeChannel } from "./native-messages.ts";
import { toTensors } from "./native-tensors.ts";
import { RunCounter } from "./run-counters.ts";
import { ShapeClasses } from "./shape-class.ts";

const US_PER_MS = 1000;
/** A job of such a timeout is due after all that wait now, but for the least urgent. */
const AGEING_MS = 250;
/** Of a timeout, the share that `predictOverload` lets wait and run take (kMostPredicted of job_queue.h). */
const MOST_PREDICTED = 0.5;
/** A run on the serving thread that lasts so many budgets is ended and goes to the engine's threads. */
const LIMIT_BUDGETS = 50;
/** A module is loaded once a thread, and so these are the thread's. */
const TURNS = new InlineTurns();

/**
 * Joins a version that the native engine holds.
 * @param turns of this thread
 */
export function connectNative(
  info: ServableInfo,
  channel: NativeChannel,
  addon: NativeAddon,
  turns: InlineTurns = TURNS,
): ConnectedServable {
  return new NativeClient(info, channel, addon, turns);
}

/**
 * A servable on one serving thread. What is predicted to be cheap runs here (inline-runner.ts); the
 * rest goes to the session's threads at once, which batch over all serving threads.
 */
class NativeClient implements ConnectedServable {
  readonly info: ServableInfo;
  readonly #addon: NativeAddon;
  readonly #line: NativeLine;
  readonly #runs: RunCounter;
  readonly #inline: InlineRunner;
  readonly #classes: ShapeClasses<NativeJob>;
  readonly #maxRows: number;
  readonly #maxQueueMs: number;
  readonly #submitted = new Map<number, NativeJob>();
  #nextId = 1;

  constructor(info: ServableInfo, channel: NativeChannel, addon: NativeAddon, turns: InlineTurns) {
    const timing = new Float64Array(TIMING.cells);
    timing[TIMING.limitUs] = LIMIT_BUDGETS * channel.inlineBudgetUs;
    this.info = info;
    this.#addon = addon;
    this.#runs = new RunCounter(channel.runs);
    this.#classes = new ShapeClasses(info.signature, channel);
    this.#maxRows = info.batching?.maxRows ?? 1;
    this.#maxQueueMs = channel.maxQueueMs;
    this.#line = addon.connect(channel.session, (answers) => this.#onAnswers(answers), timing);
    this.#inline = new InlineRunner({
      addon,
      line: this.#line,
      timing,
      runs: this.#runs,
      turns,
      maxBatchRows: this.#maxRows,
      submit: (job) => this.#submit(job),
    });
  }

  findOverload(deadlineEpochMs: number | null): InferError | null {
    // What runs on this thread waits in no queue of the session.
    if (this.#classes.isAnyInline) return null;
    const leftMs =
      deadlineEpochMs === null ? Number.POSITIVE_INFINITY : deadlineEpochMs - epochNowMs();
    // Too late is no overload: trying again would not help. `run` says so.
    if (leftMs <= 0) return null;
    const boundMs = this.#maxQueueMs / MOST_PREDICTED;
    const waitMs = this.#addon.predictOverload(this.#line, Math.min(leftMs, boundMs));
    if (waitMs === 0) return null;
    return leftMs < boundMs
      ? overloaded(this.info, waitMs, leftMs)
      : queueTooLong(this.info, waitMs, this.#maxQueueMs);
  }

  predictDrainMs(): number | null {
    const waitMs = this.#addon.predictOverload(this.#line, AGEING_MS);
    return waitMs > 0 ? waitMs : null;
  }

  explainClasses(): readonly ClassExplanation[] {
    return this.#classes.explain(performance.now());
  }

  run(job: Job): Promise<JobResult> {
    const promise = new Promise<JobResult>(takeHandles);
    const shapeClass = this.#classes.find(job);
    const native: NativeJob = {
      job,
      rows: rowsOf(job.inputs),
      costRows: costRowsOf(job.inputs),
      shapeClass,
      arrivedMs: performance.now(),
      resolve: lastResolve,
      reject: lastReject,
    };
    if (shapeClass?.placement.fitsInline(native.costRows) === true) {
      this.#inline.enqueue(shapeClass, native);
    } else this.#submit(native);
    return promise;
  }

  cancel(job: Job): void {
    if (this.#inline.cancel(job)) return;
    for (const [id, native] of this.#submitted) {
      if (native.job !== job) continue;
      // What has begun is answered all the same: until then its lease and its place are taken.
      if (!this.#addon.cancel(this.#line, id)) return;
      this.#submitted.delete(id);
      native.reject(cancelled());
      return;
    }
  }

  /** Leases see to it that nothing waits here; what does all the same is given back. */
  close(): void {
    this.#addon.disconnect(this.#line);
    this.#inline.close((job) => job.reject(givenBack()));
    for (const job of this.#submitted.values()) job.reject(givenBack());
    this.#submitted.clear();
  }

  #submit(native: NativeJob): void {
    const { job, shapeClass } = native;
    const { deadlineEpochMs } = job;
    const timeoutMs =
      deadlineEpochMs === null ? Number.POSITIVE_INFINITY : deadlineEpochMs - epochNowMs();
    if (timeoutMs <= 0) {
      native.reject(expired());
      return;
    }
    const id = this.#nextId++;
    const data = job.inputs.map((input) => input.data);
    const shapes = job.inputs.map((input) => input.shape);
    const outputs = shapeClass?.outputs ?? this.#classes.outputIndexes(job.outputs);
    try {
      this.#addon.submit(this.#line, id, data, shapes, outputs, timeoutMs, job.priority);
      this.#submitted.set(id, native);
    } catch (thrown) {
      native.reject(thrown);
    }
  }

  #onAnswers(answers: readonly NativeAnswer[]): void {
    const nowMs = performance.now();
    for (const answer of answers) {
      const native = this.#submitted.get(answer.jobId);
      if (native === undefined) continue;
      this.#submitted.delete(answer.jobId);
      if (answer.batchRows > 0) this.#countRun(native.rows, answer.batchRows);
      if (answer.status === "done") this.#onDone(native, answer, nowMs);
      else native.reject(errorOf(answer, native, this.info));
    }
  }

  #onDone(native: NativeJob, answer: NativeAnswer, nowMs: number): void {
    const { queueMs, computeMs, batchRows } = answer;
    const { shapeClass, job } = native;
    const costRows = Math.max(native.costRows, batchRows);
    shapeClass?.placement.observeEngine(costRows, computeMs * US_PER_MS, nowMs);
    const facts =
      shapeClass?.facts ?? this.#classes.factsOf(this.#classes.outputIndexes(job.outputs));
    native.resolve({ outputs: toTensors(facts, answer.outputs), queueMs, computeMs, batchRows });
  }

  #countRun(rows: number, batchRows: number): void {
    const share = Math.min(1, Math.max(1, rows) / batchRows);
    this.#runs.add("engine", this.#closeOf(rows, batchRows), share);
  }

  /** As far as an answer shows it: the session's threads see the queue, this thread does not. */
  #closeOf(rows: number, batchRows: number): BatchClose {
    if (this.#maxRows === 1 || rows === 0) return "not-batchable";
    if (batchRows >= this.#maxRows) return "rows-full";
    return batchRows === rows ? "alone" : "all-waiting";
  }
}

let lastResolve: NativeJob["resolve"];
let lastReject: NativeJob["reject"];
/** One function for every promise, which `new Promise` calls before it returns. */
function takeHandles(resolve: NativeJob["resolve"], reject: NativeJob["reject"]): void {
  lastResolve = resolve;
  lastReject = reject;
}

function errorOf(
  { status, message, queueMs }: NativeAnswer,
  native: NativeJob,
  info: ServableInfo,
): InferError {
  switch (status) {
    case "refused":
      return new InferError("invalid-argument", describeRunFailure(message));
    case "overloaded": {
      const leftMs = (native.job.deadlineEpochMs ?? 0) - performance.timeOrigin - native.arrivedMs;
      return overloaded(info, queueMs, leftMs);
    }
    case "deadline-exceeded":
      return new InferError(
        "deadline-exceeded",
        "the request could not be computed before its deadline",
      );
    case "cancelled":
      return cancelled();
    default:
      return givenBack();
  }
}

function givenBack(): InferError {
  return new InferError("unavailable", "the engine gave the request back without computing it", {
    retryAfterMs: 1000,
  });
}

/** What the client may do is known: ask elsewhere, or when those who wait now are done. */
function overloaded({ id }: ServableInfo, waitMs: number, leftMs: number): InferError {
  const wait = Math.ceil(waitMs);
  return createRefusal(
    "queue-full",
    `model '${id.model}' has work for about ${wait} ms before this request, too much for its deadline in ${Math.max(0, Math.round(leftMs))} ms`,
    jittered(wait),
  );
}

function queueTooLong({ id }: ServableInfo, waitMs: number, maxQueueMs: number): InferError {
  return createRefusal(
    "queue-full",
    `model '${id.model}' has work for about ${Math.ceil(waitMs)} ms before this request, with its run more than ${maxQueueMs} ms (maxQueueMs)`,
    jittered(waitMs / 2),
  );
}
