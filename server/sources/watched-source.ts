import type { LocalVersion, Source, WantedSet } from "../models/source.ts";
import type { CacheMeter } from "./cache-meter.ts";
import { ReadError, type ReadFailure } from "./repository-reader.ts";

/** What a source is asked for: its index, or a version on the local disk. */
export const SOURCE_OPERATIONS = ["index", "version"] as const;
export type SourceOperation = (typeof SOURCE_OPERATIONS)[number];

/** `refused`: what came was not as it has to be, or the disk did not take it. */
export const SOURCE_FAILURES = ["missing", "changed", "failed", "refused"] as const;
export type SourceFailure = (typeof SOURCE_FAILURES)[number];

/** How an operation went since the start. */
export interface SourceHealth {
  readonly failuresInARow: number;
  /** Epoch milliseconds; null: never. */
  readonly lastSuccessMs: number | null;
  failures(kind: SourceFailure): number;
}

/** A source whose failures are counted. Control thread. */
export class WatchedSource implements Source {
  readonly description: string;
  readonly cache: CacheMeter;
  readonly #source: Source;
  readonly #health: Readonly<Record<SourceOperation, Tally>>;

  constructor(source: Source, cache: CacheMeter, nowMs: () => number) {
    this.description = source.description;
    this.cache = cache;
    this.#source = source;
    this.#health = { index: new Tally(nowMs), version: new Tally(nowMs) };
  }

  healthOf(operation: SourceOperation): SourceHealth {
    return this.#health[operation];
  }

  poll(signal: AbortSignal): Promise<WantedSet | null> {
    return this.#health.index.watch(this.#source.poll(signal), signal);
  }

  lastKnown(): Promise<WantedSet | null> {
    return this.#source.lastKnown();
  }

  fetch(
    model: string,
    version: number,
    manifestSha256: string,
    signal: AbortSignal,
  ): Promise<LocalVersion> {
    const fetched = this.#source.fetch(model, version, manifestSha256, signal);
    return this.#health.version.watch(fetched, signal);
  }

  watch(wake: () => void): () => void {
    return this.#source.watch(wake);
  }
}

class Tally implements SourceHealth {
  readonly #nowMs: () => number;
  readonly #failures = new Map<SourceFailure, number>();
  failuresInARow = 0;
  lastSuccessMs: number | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  failures(kind: SourceFailure): number {
    return this.#failures.get(kind) ?? 0;
  }

  /** What was given up because the server stops is neither. */
  async watch<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const result = await work;
      this.failuresInARow = 0;
      this.lastSuccessMs = this.#nowMs();
      return result;
    } catch (thrown) {
      if (!signal.aborted) this.#countFailure(thrown);
      throw thrown;
    }
  }

  #countFailure(thrown: unknown): void {
    const kind: ReadFailure | "refused" = thrown instanceof ReadError ? thrown.kind : "refused";
    this.failuresInARow += 1;
    this.#failures.set(kind, this.failures(kind) + 1);
  }
}
