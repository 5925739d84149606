import type { AnswerCheck } from "./answer-check.ts";
import { type ArrivalSchedule, CLOSED_LOOP, constantRate } from "./arrival-schedule.ts";
import type { Clock } from "./clock.ts";
import type { Lane } from "./lane.ts";
import type { LoadRecorder } from "./load-recorder.ts";

export interface LoadShape {
  /** null: closed loop. */
  readonly ratePerSec: number | null;
  /** Requests that should start before this are sent and not counted. */
  readonly warmupMs: number;
  readonly durationMs: number;
  /** In the open loop: how long after the end late requests are still sent. */
  readonly graceMs: number;
  /** Inputs in the pool; request n sends input n modulo this. */
  readonly poolSize: number;
  /** Length of one slice of the timeline; null: no timeline is kept. */
  readonly sliceMs: number | null;
}

/** A server that refuses at once must not make the closed loop spin. */
const FAILURE_PAUSE_MS = 5;

/**
 * Drives every lane until the time is over and all that was sent is answered. In the open loop a
 * lane that is free takes the next intended start; when none is free it waits its turn and its
 * latency grows, as a user's would.
 */
export class LoadLoop {
  readonly #shape: LoadShape;
  readonly #clock: Clock;
  readonly #check: AnswerCheck;
  readonly #recorder: LoadRecorder;
  readonly #schedule: ArrivalSchedule;
  #startMs = 0;
  #sequence = 0;

  constructor(shape: LoadShape, clock: Clock, check: AnswerCheck, recorder: LoadRecorder) {
    this.#shape = shape;
    this.#clock = clock;
    this.#check = check;
    this.#recorder = recorder;
    this.#schedule = shape.ratePerSec === null ? CLOSED_LOOP : constantRate(shape.ratePerSec);
  }

  /** REQUIRES: called once. Never rejects: what goes wrong is in the recorder. */
  async run(lanes: readonly Lane[]): Promise<void> {
    this.#startMs = this.#clock.now();
    const warmMs = this.#startMs + this.#shape.warmupMs;
    this.#recorder.openWindow(warmMs, warmMs + this.#shape.durationMs, this.#shape.sliceMs);
    await Promise.all(lanes.map((lane) => this.#drive(lane)));
  }

  get #endMs(): number {
    return this.#startMs + this.#shape.warmupMs + this.#shape.durationMs;
  }

  async #drive(lane: Lane): Promise<void> {
    for (;;) {
      const sequence = this.#sequence;
      const delayMs = this.#schedule.intendedMs(sequence);
      const intendedMs = delayMs === null ? this.#clock.now() : this.#startMs + delayMs;
      if (intendedMs >= this.#endMs) return;
      this.#sequence += 1;
      if (delayMs !== null) await this.#clock.sleepUntil(intendedMs);
      if (this.#clock.now() > this.#endMs + this.#shape.graceMs) {
        this.#recorder.unsent(intendedMs);
      } else {
        await this.#sendOne(lane, sequence, intendedMs);
      }
    }
  }

  async #sendOne(lane: Lane, sequence: number, intendedMs: number): Promise<void> {
    const index = sequence % this.#shape.poolSize;
    const sentMs = this.#clock.now();
    const outcome = await lane.send(index, this.#check.wants(index, sequence));
    const doneMs = this.#clock.now();
    const problem = outcome.answer === null ? null : this.#check.explain(index, outcome.answer);
    if (outcome.failure !== null) {
      this.#recorder.failed(intendedMs, outcome.failure.code, outcome.failure.message);
      await this.#clock.sleepUntil(doneMs + FAILURE_PAUSE_MS);
    } else if (problem !== null) {
      this.#recorder.failed(intendedMs, "wrong-answer", problem);
    } else {
      this.#recorder.answered(intendedMs, sentMs, doneMs);
    }
  }
}
