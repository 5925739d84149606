import { setTimeout as delay } from "node:timers/promises";
import type { RepositoryStore } from "../../pipelines/publish/repository-store.ts";
import { updateIndex } from "../../pipelines/publish/update-index.ts";
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
}

export interface StormPlan {
  /** New versions, one after another. */
  readonly swaps: number;
  /** Then: how often the champion moves to another of four loaded versions. */
  readonly flips: number;
}

const MODEL = "scale";
const REF = { name: MODEL, version: null };
const WORKERS_PER_CLIENT = 2;
const PACE_MS = 1;
const FLIPPED = 4;
const FLIP_TIMEOUT_MS = 60_000;
/** Version n multiplies by one of these; few models, so that each is vetted once. */
const FACTORS = [2, 3, 5, 7];

/** What version n multiplies by. */
function factorOf(version: number): number {
  return FACTORS[version % FACTORS.length] as number;
}

/**
 * Publishes versions one after another, each once the one before serves, then moves the champion
 * among the newest four, while every client asks without pause and checks what it gets: the number
 * must be that of the version that the answer names, and that version must have been the champion
 * at some moment of the request.
 */
export async function swapStorm(
  server: ScenarioServer,
  store: RepositoryStore,
  clients: readonly InferenceClient[],
  { swaps, flips }: StormPlan,
): Promise<StormReport> {
  const storm = new Storm();
  await publishNext(server, store, storm, 1);
  const workers = clients.flatMap((client) =>
    Array.from({ length: WORKERS_PER_CLIENT }, () => storm.work(client)),
  );
  try {
    const newest = 1 + swaps;
    for (let version = 2; version <= newest; version++) {
      await publishNext(server, store, storm, version);
    }
    for (let i = 0; i < flips; i++) {
      const version = newest - FLIPPED + 1 + (i % FLIPPED);
      await flipTo(storm, store, clients[0] as InferenceClient, version);
    }
  } finally {
    storm.stop();
    await Promise.all(workers);
  }
  return { answered: storm.answered, failures: storm.failures, wrong: storm.wrong };
}

/** An alias of its own keeps the version loaded. */
async function publishNext(
  server: ScenarioServer,
  store: RepositoryStore,
  storm: Storm,
  next: number,
): Promise<void> {
  const model = scaleModel(factorOf(next));
  // From here on the new version may serve; until it is ready the old one may, too.
  storm.champions.push(next);
  const version = await publishTiny(store, MODEL, model);
  if (version !== next) throw new Error(`published version ${version}, expected ${next}`);
  await server.whenState(MODEL, version, "ready");
  storm.settled = storm.champions.length - 1;
  await keep(store, version);
}

function keep(store: RepositoryStore, version: number): Promise<unknown> {
  return pointAlias(store, `kept-${version % FLIPPED}`, version);
}

function pointAlias(store: RepositoryStore, alias: string, version: number): Promise<unknown> {
  return updateIndex(store, ({ models, removed }) => {
    const model = models[MODEL];
    if (model === undefined) throw new Error(`no model '${MODEL}'`);
    const aliases = { ...model.aliases, [alias]: version };
    return Promise.resolve({ models: { ...models, [MODEL]: { ...model, aliases } }, removed });
  });
}

/**
 * One thread's answer tells of that thread only: what is certain is that every thread took up the
 * flip before this one, as the control thread publishes one at a time.
 */
async function flipTo(
  storm: Storm,
  store: RepositoryStore,
  client: InferenceClient,
  version: number,
): Promise<void> {
  storm.champions.push(version);
  await pointAlias(store, "champion", version);
  const deadlineMs = performance.now() + FLIP_TIMEOUT_MS;
  while (
    Number((await client.infer(REF, { inputs: [inputOf(1)], outputs: null })).modelVersion) !==
    version
  ) {
    if (performance.now() > deadlineMs) throw new Error(`version ${version} did not come to serve`);
    await delay(PACE_MS);
  }
  storm.settled = storm.champions.length - 2;
}

function inputOf(first: number): Tensor {
  return { name: "x", datatype: "FP32", shape: [1, 4], data: Float32Array.from([first, 1, 2, 3]) };
}

class Storm {
  readonly answered = new Map<string, number>();
  readonly failures: string[] = [];
  readonly wrong: string[] = [];
  /** In the order in which they were to serve. */
  readonly champions: number[] = [];
  /** Index of the last of them that certainly serves, or did. */
  settled = 0;
  #isStopped = false;

  stop(): void {
    this.#isStopped = true;
  }

  async work(client: InferenceClient): Promise<void> {
    for (let i = 1; !this.#isStopped; i++) {
      const since = this.settled;
      const x = inputOf(i % 1000);
      try {
        const { modelVersion, outputs } = await client.infer(REF, { inputs: [x], outputs: null });
        this.#check(client.protocol, Number(modelVersion), since, i % 1000, outputs);
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
    since: number,
    sent: number,
    outputs: readonly Tensor[],
  ) {
    this.answered.set(protocol, (this.answered.get(protocol) ?? 0) + 1);
    const factor = factorOf(version);
    const got = outputs[0]?.data as Float32Array;
    const isRight = got[0] === sent * factor && got[3] === 3 * factor;
    const allowed = this.champions.slice(since);
    if (!isRight || !allowed.includes(version)) {
      this.wrong.push(
        `${protocol}: version ${version} while ${allowed} served; ${sent} became ${got[0]}`,
      );
    }
  }
}
