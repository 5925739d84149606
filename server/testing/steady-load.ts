import { setTimeout as delay } from "node:timers/promises";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";

/** What a load that never pauses saw. */
export interface LoadReport {
  /** Answers by protocol. */
  readonly answered: ReadonlyMap<string, number>;
  /** Versions that answered. */
  readonly versions: ReadonlySet<string>;
  readonly failures: readonly LoadFailure[];
  /** Answers with another number than the version gives. */
  readonly wrong: readonly string[];
}

export interface LoadFailure {
  readonly protocol: string;
  readonly code: string;
  readonly message: string;
}

export interface SteadyLoad {
  /** Resolves when each client has had so many answers more. */
  more(answers: number): Promise<void>;
  /** Each worker ends at its next failure: for a server that is about to leave. */
  endAtFailure(): void;
  /** Resolves when every worker has ended; stops them first unless they were to end at failure. */
  end(): Promise<LoadReport>;
}

export interface LoadOptions {
  readonly model: string;
  /** What a version multiplies by. */
  readonly factors: Readonly<Record<string, number>>;
  readonly workersPerClient: number;
  /** Pause of each worker between two requests; 0 for none. */
  readonly paceMs: number;
}

/** FP32 [1,4] for the models of tiny-models.ts. */
export function rowOf(...values: number[]): Tensor {
  return { name: "x", datatype: "FP32", shape: [1, 4], data: Float32Array.from(values) };
}

/** Asks a `scaleModel` through every client without pause and checks each answer. */
export function startSteadyLoad(
  clients: readonly InferenceClient[],
  options: LoadOptions,
): SteadyLoad {
  return new Load(clients, options);
}

class Load implements SteadyLoad {
  readonly #options: LoadOptions;
  readonly #perClient: number[];
  readonly #workers: readonly Promise<void>[];
  readonly #answered = new Map<string, number>();
  readonly #versions = new Set<string>();
  readonly #failures: LoadFailure[] = [];
  readonly #wrong: string[] = [];
  #watchers: (() => void)[] = [];
  #isStopped = false;
  #endsAtFailure = false;

  constructor(clients: readonly InferenceClient[], options: LoadOptions) {
    this.#options = options;
    this.#perClient = clients.map(() => 0);
    this.#workers = clients.flatMap((client, i) =>
      Array.from({ length: options.workersPerClient }, () => this.#work(client, i)),
    );
  }

  more(answers: number): Promise<void> {
    const targets = this.#perClient.map((count) => count + answers);
    return new Promise((resolve) => {
      const look = () => {
        if (this.#perClient.every((count, i) => count >= (targets[i] as number))) resolve();
        else this.#watchers.push(look);
      };
      look();
    });
  }

  endAtFailure(): void {
    this.#endsAtFailure = true;
  }

  async end(): Promise<LoadReport> {
    if (!this.#endsAtFailure) this.#isStopped = true;
    await Promise.all(this.#workers);
    return {
      answered: this.#answered,
      versions: this.#versions,
      failures: this.#failures,
      wrong: this.#wrong,
    };
  }

  async #work(client: InferenceClient, clientIndex: number): Promise<void> {
    const ref = { name: this.#options.model, version: null };
    for (let i = 0; !this.#isStopped; i = (i + 1) % 1000) {
      try {
        const answer = await client.infer(ref, { inputs: [rowOf(i, 1, 2, 3)], outputs: null });
        this.#take(client.protocol, String(answer.modelVersion), i, answer.outputs[0]);
        this.#perClient[clientIndex] = (this.#perClient[clientIndex] as number) + 1;
      } catch (thrown) {
        this.#fail(client.protocol, thrown);
        if (this.#endsAtFailure) break;
      }
      const watchers = this.#watchers;
      this.#watchers = [];
      for (const look of watchers) look();
      if (this.#options.paceMs > 0) await delay(this.#options.paceMs);
    }
  }

  #take(protocol: string, version: string, sent: number, output: Tensor | undefined): void {
    this.#answered.set(protocol, (this.#answered.get(protocol) ?? 0) + 1);
    this.#versions.add(version);
    const factor = this.#options.factors[version];
    const got = output?.data as Float32Array;
    if (factor === undefined || got[0] !== sent * factor || got[3] !== 3 * factor) {
      this.#wrong.push(`${protocol}: version ${version} made ${got[0]} of ${sent}`);
    }
  }

  #fail(protocol: string, thrown: unknown): void {
    const code = thrown instanceof InferError ? thrown.code : "not an InferError";
    this.#failures.push({ protocol, code, message: String(thrown) });
  }
}
