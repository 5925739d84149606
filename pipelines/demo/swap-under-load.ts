import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import type { ModelRef } from "../../protocols/core/infer.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";

/** What a load of requests met while a new version was published. */
export interface SwapReport {
  readonly answered: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  /** From the start of the publication to the first answer of the new version, per protocol. */
  readonly firstNewMs: ReadonlyMap<string, number>;
}

const WORKERS_PER_CLIENT = 2;
const SETTLE_MS = 1000;
const SWAP_TIMEOUT_MS = 30_000;

/**
 * Asks without pause over every client while `publish` puts a new version up, until each client has
 * met the new version and a while longer.
 */
export async function swapUnderLoad(
  clients: readonly InferenceClient[],
  ref: ModelRef,
  inputs: readonly Tensor[],
  publish: () => Promise<number>,
): Promise<SwapReport> {
  const load = new Load(clients, ref, inputs);
  load.start();
  await load.passes(SETTLE_MS);
  const publishedAtMs = performance.now();
  const version = String(await publish());
  await load.untilAllMeet(version, publishedAtMs + SWAP_TIMEOUT_MS);
  await load.passes(SETTLE_MS);
  return load.stop(version, publishedAtMs);
}

class Load {
  readonly #clients: readonly InferenceClient[];
  readonly #ref: ModelRef;
  readonly #inputs: readonly Tensor[];
  readonly #answered = new Map<string, number>();
  readonly #failures: string[] = [];
  /** Protocol and version, to the time of the first such answer. */
  readonly #firstMs = new Map<string, number>();
  #isStopped = false;
  #workers: Promise<void>[] = [];

  constructor(clients: readonly InferenceClient[], ref: ModelRef, inputs: readonly Tensor[]) {
    this.#clients = clients;
    this.#ref = ref;
    this.#inputs = inputs;
  }

  start(): void {
    this.#workers = this.#clients.flatMap((client) =>
      Array.from({ length: WORKERS_PER_CLIENT }, () => this.#work(client)),
    );
  }

  async passes(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  async untilAllMeet(version: string, deadlineMs: number): Promise<void> {
    const hasMet = () => this.#clients.every((c) => this.#firstMs.has(`${c.protocol} ${version}`));
    while (!hasMet()) {
      if (performance.now() > deadlineMs)
        throw new Error(`version ${version} did not come to serve`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(version: string, sinceMs: number): Promise<SwapReport> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
    const firstNewMs = new Map(
      this.#clients.map((client): [string, number] => [
        client.protocol,
        (this.#firstMs.get(`${client.protocol} ${version}`) as number) - sinceMs,
      ]),
    );
    return { answered: this.#answered, failures: this.#failures, firstNewMs };
  }

  async #work(client: InferenceClient): Promise<void> {
    while (!this.#isStopped) {
      try {
        const answer = await client.infer(this.#ref, { inputs: this.#inputs, outputs: null });
        this.#count(client.protocol, answer.modelVersion);
      } catch (thrown) {
        this.#failures.push(thrown instanceof Error ? thrown.message : String(thrown));
      }
    }
  }

  #count(protocol: string, version: string): void {
    this.#answered.set(version, (this.#answered.get(version) ?? 0) + 1);
    const key = `${protocol} ${version}`;
    if (!this.#firstMs.has(key)) this.#firstMs.set(key, performance.now());
  }
}
