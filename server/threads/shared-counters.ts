import { STATUS_CODES, type StatusCode } from "../../protocols/core/status.ts";
import type { Protocol, RequestOutcome, RequestRecorder } from "../request/pipeline.ts";

/**
 * Counters without locks: each serving thread writes a block of its own (one writer a cell, so no
 * atomics), and the control thread reads all blocks and adds them up. One row per loaded version;
 * row 0 is for requests that reached none.
 */

export const MAX_SLOTS = 1024;
export const PROTOCOLS: readonly Protocol[] = ["http", "grpc", "websocket"];
/** Outcomes of a request: success, then the error codes. */
export const OUTCOMES: readonly (StatusCode | "ok")[] = ["ok", ...STATUS_CODES];
/** Upper bounds of the duration histograms, milliseconds. */
export const DURATION_BOUNDS_MS = [
  0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000,
];
/** Upper bounds of the batch-size histogram, rows. */
export const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128];

/** Most rows of a run that is counted by its rows. */
export const MAX_BATCH_SIZE = 64;

export const PHASES = ["total", "queue", "compute"] as const;
export type Phase = (typeof PHASES)[number];

const indexed = <K extends string>(keys: readonly K[]) =>
  Object.fromEntries(keys.map((key, i) => [key, i])) as Readonly<Record<K, number>>;
const PROTOCOL_INDEX = indexed(PROTOCOLS);
const OUTCOME_INDEX = indexed(OUTCOMES);

const histogramCells = (bounds: readonly number[]) => bounds.length + 2;
const OUTCOME_CELLS = PROTOCOLS.length * OUTCOMES.length;
const DURATION_CELLS = histogramCells(DURATION_BOUNDS_MS);
const BATCH_AT = OUTCOME_CELLS + PHASES.length * DURATION_CELLS;
const ROWS_AT = BATCH_AT + histogramCells(BATCH_BOUNDS);
const LAST_AT = ROWS_AT + 1;
const FAILED_MS_AT = LAST_AT + 1;
/** Runs by their rows, and the milliseconds of those. */
const RUNS_AT = FAILED_MS_AT + 1;
const RUNS_MS_AT = RUNS_AT + MAX_BATCH_SIZE;
const ROW_CELLS = RUNS_MS_AT + MAX_BATCH_SIZE;

/** A histogram as read: a count per bound and one beyond (not cumulative), and the sum. */
export interface HistogramReading {
  readonly counts: readonly number[];
  readonly sum: number;
}

export function createCounterBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(MAX_SLOTS * ROW_CELLS * Float64Array.BYTES_PER_ELEMENT);
}

/** The writing side; one a serving thread. */
export class CounterWriter implements RequestRecorder {
  readonly #cells: Float64Array;

  constructor(block: SharedArrayBuffer) {
    this.#cells = new Float64Array(block);
  }

  record(slot: number, protocol: Protocol, outcome: RequestOutcome): void {
    const row = slot * ROW_CELLS;
    const code = OUTCOME_INDEX[outcome.errorCode ?? "ok"];
    this.#add(row + PROTOCOL_INDEX[protocol] * OUTCOMES.length + code, 1);
    this.#observe(row + OUTCOME_CELLS, DURATION_BOUNDS_MS, outcome.totalMs);
    if (outcome.errorCode !== null) {
      this.#add(row + FAILED_MS_AT, outcome.totalMs);
      return;
    }
    this.#observe(row + OUTCOME_CELLS + DURATION_CELLS, DURATION_BOUNDS_MS, outcome.queueMs);
    this.#observe(row + OUTCOME_CELLS + 2 * DURATION_CELLS, DURATION_BOUNDS_MS, outcome.computeMs);
    this.#observe(row + BATCH_AT, BATCH_BOUNDS, outcome.batchRows);
    this.#add(row + ROWS_AT, outcome.rows);
    this.#cells[row + LAST_AT] = outcome.endEpochMs;
    this.#countRun(row, outcome);
  }

  /** Each request of a run tells of the share of it that its rows are. */
  #countRun(row: number, { rows, batchRows, computeMs }: RequestOutcome): void {
    if (batchRows > MAX_BATCH_SIZE || batchRows < 1) return;
    const share = rows < batchRows ? rows / batchRows : 1;
    this.#add(row + RUNS_AT + batchRows - 1, share);
    this.#add(row + RUNS_MS_AT + batchRows - 1, share * computeMs);
  }

  #observe(at: number, bounds: readonly number[], value: number): void {
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    this.#add(at + bucket, 1);
    this.#add(at + bounds.length + 1, value);
  }

  #add(cell: number, amount: number): void {
    this.#cells[cell] = (this.#cells[cell] as number) + amount;
  }
}

/** The reading side, on the control thread. */
export class CounterReader {
  readonly #blocks: readonly Float64Array[];

  constructor(blocks: readonly SharedArrayBuffer[]) {
    this.#blocks = blocks.map((block) => new Float64Array(block));
  }

  requests(slot: number, protocol: Protocol, outcome: StatusCode | "ok"): number {
    const cell = PROTOCOLS.indexOf(protocol) * OUTCOMES.length + OUTCOMES.indexOf(outcome);
    return this.#sum(slot * ROW_CELLS + cell);
  }

  /** Requests that the engine answered, refused input included, and those that failed in it. */
  engineOutcomes(slot: number): { readonly answered: number; readonly faults: number } {
    const sumOf = (outcomes: readonly (StatusCode | "ok")[]) =>
      PROTOCOLS.flatMap((protocol) =>
        outcomes.map((each) => this.requests(slot, protocol, each)),
      ).reduce((sum, count) => sum + count, 0);
    return {
      answered: sumOf(["ok", "invalid-argument"]),
      faults: sumOf(["internal", "unavailable"]),
    };
  }

  duration(slot: number, phase: Phase): HistogramReading {
    const at = slot * ROW_CELLS + OUTCOME_CELLS + PHASES.indexOf(phase) * DURATION_CELLS;
    return this.#histogram(at, DURATION_BOUNDS_MS);
  }

  batchRows(slot: number): HistogramReading {
    return this.#histogram(slot * ROW_CELLS + BATCH_AT, BATCH_BOUNDS);
  }

  /** Of successful requests. */
  rows(slot: number): number {
    return this.#sum(slot * ROW_CELLS + ROWS_AT);
  }

  /** When the last successful request ended; 0: none did. */
  lastEpochMs(slot: number): number {
    const cell = slot * ROW_CELLS + LAST_AT;
    return Math.max(...this.#blocks.map((block) => block[cell] as number));
  }

  /** All milliseconds of requests that failed. */
  failedMs(slot: number): number {
    return this.#sum(slot * ROW_CELLS + FAILED_MS_AT);
  }

  /** Runs of so many rows, 1 to MAX_BATCH_SIZE. */
  batch(slot: number, rows: number): { readonly runs: number; readonly computeMs: number } {
    const at = slot * ROW_CELLS + rows - 1;
    // Shares of one run add up to 1 but for the last bits.
    return {
      runs: Math.round(this.#sum(at + RUNS_AT)),
      computeMs: this.#sum(at + RUNS_MS_AT),
    };
  }

  /** REQUIRES: no thread writes to the row any more. */
  clear(slot: number): void {
    for (const block of this.#blocks) block.fill(0, slot * ROW_CELLS, (slot + 1) * ROW_CELLS);
  }

  #histogram(at: number, bounds: readonly number[]): HistogramReading {
    return {
      counts: Array.from({ length: bounds.length + 1 }, (_, i) => this.#sum(at + i)),
      sum: this.#sum(at + bounds.length + 1),
    };
  }

  #sum(cell: number): number {
    let sum = 0;
    for (const block of this.#blocks) sum += block[cell] as number;
    return sum;
  }
}
