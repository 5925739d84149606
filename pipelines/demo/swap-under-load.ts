import { setTimeout as delay } from "node:timers/promises";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import type { ModelRef } from "../../protocols/core/infer.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";

/** What a load of requests met while a new version was published. */
export interface SwapReport {
  /** Answers by version. */
  readonly answered: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  /** From the start of the publication to the first answer of the new version, per protocol. */
  readonly firstNewMs: ReadonlyMap<string, number>;
}

export interface SwapOptions {
  readonly clients: readonly InferenceClient[];
  readonly ref: ModelRef;
  readonly inputs: readonly Tensor[];
  /** Puts the new version up; resolves with its number. */
  publish(): Promise<number>;
  /** Called every two seconds while the new version is awaited. */
  onWait(waitedMs: number, answers: number, failures: number): void;
  /** Ends the load; swapUnderLoad then rejects with an AbortError. */
  readonly signal: AbortSignal;
}

// Gentle on purpose: on a machine with two cores a load without pauses would take them from the
// vetting child, which runs at low priority, and the viewer would wait for it.
const WORKERS_PER_CLIENT = 2;
const PAUSE_MS = 50;
const SETTLE_MS = 500;
const TELL_EVERY_MS = 2000;
const SWAP_TIMEOUT_MS = 60_000;

/**
 * Asks steadily over every client while `publish` puts a new version up, until each client has met
 * the new version, and a little longer.
 */
export async function swapUnderLoad(options: SwapOptions): Promise<SwapReport> {
  const load = new Load(options);
  load.start();
  try {
    await delay(SETTLE_MS, undefined, { signal: options.signal });
    const publishedAtMs = performance.now();
    const version = String(await options.publish());
    await load.untilAllMeet(version, publishedAtMs);
    await delay(SETTLE_MS, undefined, { signal: options.signal });
    return load.report(version, publishedAtMs);
  } finally {
    await load.stop();
  }
}

class Load {
  readonly #options: SwapOptions;
  readonly #answered = new Map<string, number>();
  readonly #failures: string[] = [];
  /** Protocol and version, to the time of the first such answer. */
  readonly #firstMs = new Map<string, number>();
  #isStopped = false;
  #workers: Promise<void>[] = [];

  constructor(options: SwapOptions) {
    this.#options = options;
  }

  start(): void {
    this.#workers = this.#options.clients.flatMap((client) =>
      Array.from({ length: WORKERS_PER_CLIENT }, () => this.#work(client)),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
  }

  async untilAllMeet(version: string, publishedAtMs: number): Promise<void> {
    const { clients, signal, onWait } = this.#options;
    const hasMet = () => clients.every((c) => this.#firstMs.has(`${c.protocol} ${version}`));
    let toldMs = 0;
    while (!hasMet()) {
      const waitedMs = performance.now() - publishedAtMs;
      if (waitedMs > SWAP_TIMEOUT_MS) throw new Error(`version ${version} did not come to serve`);
      if (waitedMs - toldMs > TELL_EVERY_MS) {
        toldMs = waitedMs;
        const answers = [...this.#answered.values()].reduce((sum, count) => sum + count, 0);
        onWait(waitedMs, answers, this.#failures.length);
      }
      await delay(10, undefined, { signal });
    }
  }

  report(version: string, publishedAtMs: number): SwapReport {
    const firstNewMs = new Map<string, number>();
    for (const { protocol } of this.#options.clients) {
      const atMs = this.#firstMs.get(`${protocol} ${version}`);
      if (atMs !== undefined) firstNewMs.set(protocol, atMs - publishedAtMs);
    }
    return { answered: this.#answered, failures: this.#failures, firstNewMs };
  }

  async #work(client: InferenceClient): Promise<void> {
    const { ref, inputs, signal } = this.#options;
    while (!this.#isStopped && !signal.aborted) {
      try {
        const answer = await client.infer(ref, { inputs, outputs: null });
        this.#count(client.protocol, answer.modelVersion);
      } catch (thrown) {
        this.#failures.push(thrown instanceof Error ? thrown.message : String(thrown));
      }
      await delay(PAUSE_MS);
    }
  }

  #count(protocol: string, version: string): void {
    this.#answered.set(version, (this.#answered.get(version) ?? 0) + 1);
    const key = `${protocol} ${version}`;
    if (!this.#firstMs.has(key)) this.#firstMs.set(key, performance.now());
  }
}
