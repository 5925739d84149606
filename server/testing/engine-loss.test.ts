import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Worker } from "node:worker_threads";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import { InferError } from "../../protocols/core/status.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { until } from "./serve-process.ts";
import { rowOf } from "./steady-load.ts";
import { slowModel } from "./tiny-models.ts";

const CALLS_PER_CLIENT = 4;
/** One more than are made good at once: the last waits for its turn. */
const LOSSES = 4;

describe("an engine thread of the portable engine that ends by itself", () => {
  it("fails only its own requests, as unavailable, and is replaced", async () => {
    const server = await startScenario({
      engine: "portable",
      engineThreads: "2",
      maxBatchRows: "1",
    });
    const threads = watchThreads();
    await publishTiny(openStore(server.repository), "slow", slowModel(30));
    await server.whenState("slow", 1, "ready");
    const clients = [server.http(), server.grpc(), await server.webSocket()];
    const load = startSlowLoad(clients);
    for (let loss = 1; loss <= LOSSES; loss++) {
      const before = threads.living.size;
      assert.equal(before, 2);
      const failuresBefore = load.failures.length;
      await load.more(clients.length * CALLS_PER_CLIENT);
      const [victim] = threads.living;
      // Piscina's workers do not expect it: an uncaught error, at their next turn.
      victim?.postMessage(null);
      await until("the loss is counted", async () => (await lost(server)) === loss);
      await until(
        "it is replaced",
        () => threads.started === 2 + loss && threads.living.size === 2,
      );
      const failures = load.failures.slice(failuresBefore);
      assert.ok(failures.length > 0, "what waited for it failed");
      assert.ok(failures.length < clients.length * CALLS_PER_CLIENT, "not what the other had");
      assert.deepEqual([...new Set(failures)], ["unavailable"]);
    }
    const settled = load.failures.length;
    await load.more(clients.length * CALLS_PER_CLIENT * 2);
    assert.equal(load.failures.length, settled, "no failure once it is replaced");
    await load.end();
    await Promise.all(clients.map((client) => client.close()));
    threads.stop();
    assert.equal(await server.stop(), true);
  });

  it("does not keep the server from stopping while it is replaced", async () => {
    const server = await startScenario({ engine: "portable", engineThreads: "1" });
    const threads = watchThreads();
    await publishTiny(openStore(server.repository), "slow", slowModel(30));
    await server.whenState("slow", 1, "ready");
    const [victim] = threads.living;
    const replacing = new Promise<void>((resolve) => {
      process.once("worker", () => resolve());
    });
    victim?.postMessage(null);
    await replacing;
    assert.equal(await server.stop(), true);
    threads.stop();
  });
});

interface Threads {
  readonly living: ReadonlySet<Worker>;
  readonly started: number;
  stop(): void;
}

/** Threads of this process from now on: those of the engine, once the serving threads stand. */
function watchThreads(): Threads {
  const living = new Set<Worker>();
  let started = 0;
  const onWorker = (worker: Worker) => {
    started += 1;
    living.add(worker);
    worker.once("exit", () => living.delete(worker));
  };
  process.on("worker", onWorker);
  return {
    living,
    get started() {
      return started;
    },
    stop: () => process.off("worker", onWorker),
  };
}

interface SlowLoad {
  /** Codes, in the order of failure. */
  readonly failures: readonly string[];
  more(answers: number): Promise<void>;
  end(): Promise<void>;
}

/** Several calls at once through each client, for ever. */
function startSlowLoad(clients: readonly InferenceClient[]): SlowLoad {
  const failures: string[] = [];
  let answered = 0;
  let isStopped = false;
  const input = { inputs: [rowOf(1, 2, 3, 4)], outputs: null };
  const work = async (client: InferenceClient) => {
    while (!isStopped) {
      try {
        await client.infer({ name: "slow", version: null }, input);
        answered += 1;
      } catch (thrown) {
        failures.push(thrown instanceof InferError ? thrown.code : String(thrown));
      }
    }
  };
  const workers = clients.flatMap((client) =>
    Array.from({ length: CALLS_PER_CLIENT }, () => work(client)),
  );
  return {
    failures,
    more: (answers) => {
      const target = answered + answers;
      return until(`${answers} answers`, () => answered >= target);
    },
    end: async () => {
      isStopped = true;
      await Promise.all(workers);
    },
  };
}

async function lost(server: ScenarioServer): Promise<number> {
  const url = `http://127.0.0.1:${server.endpoints.metricsPort}/metrics`;
  const text = await (await fetch(url)).text();
  return Number(/^sluice_engine_threads_lost_total (\d+)/m.exec(text)?.[1] ?? 0);
}
