import { setTimeout as delay } from "node:timers/promises";
import type { RepositoryStore } from "../../pipelines/publish/repository-store.ts";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { publishTiny } from "./publish-tiny.ts";
import type { ScenarioServer } from "./scenario-server.ts";
import { scaleModel } from "./tiny-models.ts";

/** What a storm of swaps did to the requests that went on all the while. */
export interface StormReport {
  readonly answered: ReadonlyMap<string, number>;
  /** Failed requests, by message. */
  readonly failures: readonly string[];
  /** Answers that no version which served at the time could have given. */
  readonly wrong: readonly string[];
  readonly swaps: number;
}

const MODEL = "scale";
const REF = { name: MODEL, version: null };
const WORKERS_PER_CLIENT = 2;
const PACE_MS = 1;
/** Version n multiplies by one of these; few models, so that each is vetted once. */
const FACTORS = [2, 3, 5, 7];

/** What version n multiplies by. */
function factorOf(version: number): number {
  return FACTORS[version % FACTORS.length] as number;
}

/**
 * Publishes `swaps` versions one after another, each once the one before serves, while every
 * client asks without pause and checks what it gets: the number must be that of the version that
 * the answer names, and that version must have been the champion at some moment of the request.
 */
export async function swapStorm(
  server: ScenarioServer,
  store: RepositoryStore,
  clients: readonly InferenceClient[],
  swaps: number,
): Promise<StormReport> {
  const storm = new Storm();
  await publishNext(server, store, storm);
  const workers = clients.flatMap((client) =>
    Array.from({ length: WORKERS_PER_CLIENT }, () => storm.work(client)),
  );
  for (let i = 0; i < swaps; i++) await publishNext(server, store, storm);
  storm.stop();
  await Promise.all(workers);
  return { answered: storm.answered, failures: storm.failures, wrong: storm.wrong, swaps };
}

async function publishNext(server: ScenarioServer, store: RepositoryStore, storm: Storm) {
  const next = storm.newest + 1;
  // From here on the new version may serve; until it is ready the old one may, too.
  storm.newest = next;
  const version = await publishTiny(store, MODEL, scaleModel(factorOf(next)));
  if (version !== next) throw new Error(`published version ${version}, expected ${next}`);
  await server.whenState(MODEL, version, "ready");
  storm.serving = version;
}

class Storm {
  readonly answered = new Map<string, number>();
  readonly failures: string[] = [];
  readonly wrong: string[] = [];
  /** The version that certainly serves. */
  serving = 0;
  /** The newest version that may serve. */
  newest = 0;
  #isStopped = false;

  stop(): void {
    this.#isStopped = true;
  }

  async work(client: InferenceClient): Promise<void> {
    for (let i = 1; !this.#isStopped; i++) {
      const oldest = this.serving;
      const x: Tensor = {
        name: "x",
        datatype: "FP32",
        shape: [1, 4],
        data: Float32Array.from([i % 1000, 1, 2, 3]),
      };
      try {
        const { modelVersion, outputs } = await client.infer(REF, { inputs: [x], outputs: null });
        this.#check(client.protocol, Number(modelVersion), oldest, i % 1000, outputs);
      } catch (thrown) {
        this.failures.push(`${client.protocol}: ${String(thrown)}`);
      }
      // Clients share this thread with the server's control thread: without a pause they would
      // measure each other, and swaps would wait for them.
      await delay(PACE_MS);
    }
  }

  #check(
    protocol: string,
    version: number,
    oldest: number,
    sent: number,
    outputs: readonly Tensor[],
  ) {
    this.answered.set(protocol, (this.answered.get(protocol) ?? 0) + 1);
    const factor = factorOf(version);
    const got = outputs[0]?.data as Float32Array;
    const isRight = got[0] === sent * factor && got[3] === 3 * factor;
    if (!isRight || version < oldest || version > this.newest) {
      this.wrong.push(
        `${protocol}: version ${version} while ${oldest} to ${this.newest} served; ${sent} became ${got[0]}`,
      );
    }
  }
}
