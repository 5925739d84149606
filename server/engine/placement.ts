import type { ClassExplanation, PlacementReason } from "../models/servable.ts";
import { CostModel } from "./cost-model.ts";

export interface PlacementOptions {
  /** Most microseconds of one run on a serving thread; 0: none there. */
  readonly inlineBudgetUs: number;
  /** What one run cost in vetting, milliseconds; null when unknown. */
  readonly sampleMs: number | null;
}

/** Engine runs that must say "cheap" before a run on the serving thread. */
const PROOF_RUNS = 3;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 60_000;
/** A class that ran well for so many back-offs starts from the first again. */
const STEADY_BACKOFFS = 10;
/**
 * A thread's CPU time holds what the kernel and the hypervisor took in its name, so one overrun may be
 * an accident. Each counts 1, less with every run after it; so much is none any more.
 */
const KEEP_OVERRUNS = 0.95;
const MOST_OVERRUNS = 2.5;
/** Over about the last 50 runs. */
const KEEP_MEAN = 0.98;
/** What is learned of an overrun: enough to keep such batches away, little enough to forget. */
const LEARNED_BUDGETS = 2;
/** A run of so many budgets is no noise: the class must be good for minutes before that is forgotten. */
const GROSS_BUDGETS = 20;
const GROSS_STEADY_MS = 300_000;
const US_PER_MS = 1000;

/**
 * Where runs of one shape class belong: on the serving thread when their cost is predicted to fit
 * the budget, else on the engine's threads. Pure: costs and times come from outside.
 *
 * Runs on the serving thread are learned by the thread's CPU time, so that a neighbour that
 * preempts it does not count against the model. Runs on engine threads are known by wall time only,
 * an upper bound: of those that prove a class cheap the best counts, and once it is proved they may
 * only lower what is predicted.
 *
 * A class that overruns the budget three times in short order, once by far, or so that its mean is
 * beyond it, is demoted to the engine. It comes back after a back-off that doubles while that goes on, once engine runs say again
 * that it is cheap.
 */
export class Placement {
  readonly #budgetUs: number;
  readonly #cost = new CostModel();
  #isInline = false;
  #overruns = 0;
  /** Of all that runs here, whatever it was. */
  #meanUs = 0;
  #inlineSinceMs = 0;
  #backoffMs = 0;
  #steadyMs = 0;
  #backMs = 0;
  #proofRuns = 0;
  #bestRows = 0;
  #bestUs = Number.POSITIVE_INFINITY;
  /** What the last proof came to. */
  #engineCost: ClassExplanation["engineCost"] = null;

  constructor(options: PlacementOptions) {
    this.#budgetUs = options.inlineBudgetUs;
    if (options.sampleMs === null) return;
    const sampleUs = options.sampleMs * US_PER_MS;
    if (sampleUs < this.#budgetUs) this.#promote(1, sampleUs, 0);
  }

  /** Whether runs of this class may be on the serving thread at all now. */
  get isInline(): boolean {
    return this.#isInline;
  }

  /** Microseconds; Infinity when unknown. */
  predictUs(rows: number): number {
    return this.#cost.predictUs(rows);
  }

  /** Whether a batch of so many rows belongs on the serving thread. */
  fitsInline(rows: number): boolean {
    return this.#isInline && this.#cost.predictUs(rows) < this.#budgetUs;
  }

  /** A run on the serving thread ended. */
  observeInline(rows: number, cpuUs: number, nowMs: number): void {
    this.#cost.learn(rows, Math.min(cpuUs, LEARNED_BUDGETS * this.#budgetUs));
    this.#overruns *= KEEP_OVERRUNS;
    this.#meanUs += (1 - KEEP_MEAN) * (cpuUs - this.#meanUs);
    if (cpuUs <= this.#budgetUs) return;
    this.#overruns += 1;
    const isGross = cpuUs > GROSS_BUDGETS * this.#budgetUs;
    const isFrequent = this.#overruns > MOST_OVERRUNS;
    // What a value makes dear now and then is no accident, however rare, when it is the cost.
    const isDear = this.#meanUs > this.#budgetUs;
    if (isGross || isFrequent || isDear) this.#demote(nowMs, isGross);
  }

  /** A run on an engine thread ended. */
  observeEngine(rows: number, computeUs: number, nowMs: number): void {
    if (this.#isInline) {
      if (computeUs < this.#cost.predictUs(rows)) this.#cost.learn(rows, computeUs);
      return;
    }
    if (nowMs < this.#backMs) return;
    this.#proofRuns += 1;
    if (computeUs < this.#bestUs) {
      this.#bestUs = computeUs;
      this.#bestRows = rows;
    }
    if (this.#proofRuns < PROOF_RUNS) return;
    this.#engineCost = { rows: this.#bestRows, us: this.#bestUs };
    if (this.#bestUs < this.#budgetUs) this.#promote(this.#bestRows, this.#bestUs, nowMs);
    this.#forgetProof();
  }

  explain(nowMs: number): Omit<ClassExplanation, "shapes" | "outputs"> {
    return {
      placement: this.#isInline ? "inline" : "engine",
      reason: this.#reasonAt(nowMs),
      demotedForMs: this.#isInline || nowMs >= this.#backMs ? null : this.#backMs - nowMs,
      inlineCost: this.#cost.line,
      engineCost: this.#engineCost,
    };
  }

  #reasonAt(nowMs: number): PlacementReason {
    if (this.#isInline) return "cheap";
    if (this.#budgetUs === 0) return "off";
    if (nowMs < this.#backMs) return "demoted";
    return this.#engineCost === null ? "unproven" : "dear";
  }

  #promote(rows: number, costUs: number, nowMs: number): void {
    this.#isInline = true;
    this.#inlineSinceMs = nowMs;
    this.#cost.forget();
    this.#cost.learn(rows, costUs);
  }

  #demote(nowMs: number, isGross: boolean): void {
    if (!this.#isInline) return;
    const steadyMs = Math.max(STEADY_BACKOFFS * this.#backoffMs, this.#steadyMs);
    const wasSteady = nowMs - this.#inlineSinceMs > steadyMs;
    if (isGross) this.#steadyMs = GROSS_STEADY_MS;
    else if (wasSteady) this.#steadyMs = 0;
    this.#backoffMs = wasSteady
      ? FIRST_BACKOFF_MS
      : Math.min(Math.max(2 * this.#backoffMs, FIRST_BACKOFF_MS), MAX_BACKOFF_MS);
    this.#backMs = nowMs + this.#backoffMs;
    this.#isInline = false;
    this.#overruns = 0;
    this.#meanUs = 0;
    this.#engineCost = null;
    this.#forgetProof();
  }

  #forgetProof(): void {
    this.#proofRuns = 0;
    this.#bestRows = 0;
    this.#bestUs = Number.POSITIVE_INFINITY;
  }
}
