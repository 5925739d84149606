import { setTimeout as delay } from "node:timers/promises";
import type { Label } from "../../protocols/capture/label-request.ts";
import type { InferenceClient, LabelClient } from "../../protocols/client/inference-client.ts";
import type { InferResponse } from "../../protocols/core/infer.ts";
import { inferenceIdOf } from "../../protocols/core/inference-id.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { Flight } from "./flight-days.ts";
import { FLIGHT_MODEL } from "./flight-project.ts";

/** What some traffic met. */
export interface TrafficReport {
  readonly requests: number;
  readonly rows: number;
  /** Answers by version. */
  readonly answered: ReadonlyMap<string, number>;
  readonly byProtocol: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  readonly labels: number;
}

export interface TrafficOptions {
  readonly clients: readonly InferenceClient[];
  readonly labels: LabelClient;
  readonly flights: readonly Flight[];
  /** Of one request. */
  readonly rows: number;
  /** Between two requests of one client. */
  readonly pauseMs: number;
  /** Ask about the same flights again and again, until `stop`. */
  readonly isEndless: boolean;
  readonly signal: AbortSignal;
}

const REF = { name: FLIGHT_MODEL, version: null };
/** The truth comes a moment after the prediction. */
const LABEL_DELAY_MS = 200;

/** Asks about flights over every client at once, and says a moment later what became of them. */
export class FlightTraffic {
  readonly #options: TrafficOptions;
  readonly #answered = new Map<string, number>();
  readonly #byProtocol = new Map<string, number>();
  readonly #versionsMet = new Map<string, Set<string>>();
  readonly #failures: string[] = [];
  #waiting: Label[] = [];
  #labels = 0;
  #rows = 0;
  #requests = 0;
  #next = 0;
  #isStopped = false;
  readonly #workers: Promise<void>;
  readonly #labelling: Promise<void>;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#workers = Promise.all(options.clients.map((client) => this.#ask(client))).then(() => {
      this.#isStopped = true;
    });
    this.#labelling = this.#tellLabels();
  }

  /** Every client was answered by this version. */
  hasMet(version: string): boolean {
    return this.#options.clients.every(({ protocol }) =>
      this.#versionsMet.get(protocol)?.has(version),
    );
  }

  answersOf(version: string): number {
    return this.#answered.get(version) ?? 0;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** When every flight was asked about, or after `stop`; every label is told by then. */
  async ended(): Promise<TrafficReport> {
    await Promise.all([this.#workers, this.#labelling]);
    this.#options.signal.throwIfAborted();
    return {
      requests: this.#requests,
      rows: this.#rows,
      answered: this.#answered,
      byProtocol: this.#byProtocol,
      failures: this.#failures,
      labels: this.#labels,
    };
  }

  async #ask(client: InferenceClient): Promise<void> {
    const { pauseMs, signal } = this.#options;
    for (let flights = this.#take(); flights.length > 0; flights = this.#take()) {
      this.#requests += 1;
      try {
        const answer = await client.infer(REF, { inputs: inputsOf(flights), outputs: null });
        this.#note(client.protocol, flights, answer);
      } catch (thrown) {
        if (signal.aborted) return;
        this.#failures.push(thrown instanceof Error ? thrown.message : String(thrown));
      }
      await delay(pauseMs);
    }
  }

  #take(): readonly Flight[] {
    const { flights, rows, isEndless, signal } = this.#options;
    if (this.#isStopped || signal.aborted) return [];
    if (isEndless && this.#next >= flights.length) this.#next = 0;
    const taken = flights.slice(this.#next, this.#next + rows);
    this.#next += rows;
    return taken;
  }

  #note(protocol: string, flights: readonly Flight[], answer: InferResponse): void {
    const { modelVersion, parameters } = answer;
    this.#rows += flights.length;
    addOne(this.#answered, modelVersion);
    addOne(this.#byProtocol, protocol);
    const met = this.#versionsMet.get(protocol) ?? new Set();
    this.#versionsMet.set(protocol, met.add(modelVersion));
    const inferenceId = inferenceIdOf(parameters);
    if (inferenceId === null) return;
    this.#waiting.push(
      ...flights.map(({ late }, row) => ({ inferenceId, row, label: late ? 1 : 0 })),
    );
  }

  async #tellLabels(): Promise<void> {
    let isLast = false;
    while (!isLast) {
      isLast = this.#isStopped;
      if (isLast) await this.#workers;
      await delay(LABEL_DELAY_MS);
      const labels = this.#waiting;
      this.#waiting = [];
      if (labels.length > 0) await this.#tell(labels);
    }
  }

  async #tell(labels: readonly Label[]): Promise<void> {
    try {
      this.#labels += await this.#options.labels.label(FLIGHT_MODEL, labels);
    } catch (thrown) {
      if (this.#options.signal.aborted) return;
      this.#failures.push(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }
}

/** The model takes raw columns: hour, distance, origin, destination, a row each. */
export function inputsOf(flights: readonly Flight[]): Tensor[] {
  const shape = [flights.length, 1];
  const numbers = (name: "hour" | "distance"): Tensor => ({
    name,
    datatype: "FP32",
    shape,
    data: Float32Array.from(flights, (flight) => flight[name]),
  });
  const texts = (name: "origin" | "destination"): Tensor => ({
    name,
    datatype: "BYTES",
    shape,
    data: flights.map((flight) => flight[name]),
  });
  return [numbers("hour"), numbers("distance"), texts("origin"), texts("destination")];
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
