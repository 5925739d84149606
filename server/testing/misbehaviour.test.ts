import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Worker } from "node:worker_threads";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { needs } from "./skip.ts";
import { greedyModel, hangingModel, scaleModel, slowModel } from "./tiny-models.ts";

const HANG_MS = 8000;
const ENGINES = ["native", "portable"] as const;

function inputOf(first: number) {
  const data = Float32Array.of(first, 0, 0, 0);
  const x: Tensor = { name: "x", datatype: "FP32", shape: [1, 4], data };
  return { inputs: [x], outputs: null };
}

function ref(name: string) {
  return { name, version: null };
}

/** Resolves at the next time that the version enters the state. */
function nextState(server: ScenarioServer, version: string, state: string): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = server.app.bus.subscribe(({ id, to }) => {
      if (`${id.model}/${id.version}` !== version || to !== state) return;
      unsubscribe();
      setImmediate(resolve);
    });
  });
}

async function metricsOf(server: ScenarioServer): Promise<string> {
  return (await fetch(`http://127.0.0.1:${server.endpoints.metricsPort}/metrics`)).text();
}

function failsWith(work: Promise<unknown>, code: string): Promise<void> {
  return assert.rejects(work, (e) => e instanceof InferError && e.code === code);
}

describe("a version that misbehaves after vetting", () => {
  for (const engine of ENGINES) {
    const part = engine === "native" ? needs("compiler") : {};

    it(
      `that hangs is isolated, previous takes over, and it comes back (${engine})`,
      part,
      async () => {
        const server = await startScenario({
          engine,
          maxRunMs: "1000",
          repositoryPollSecs: "0.05",
        });
        try {
          const store = openStore(server.repository);
          await publishTiny(store, "m", scaleModel(1));
          await server.whenState("m", 1, "ready");
          await publishTiny(store, "m", hangingModel());
          await publishTiny(store, "other", scaleModel(2));
          await Promise.all([
            server.whenState("m", 2, "ready"),
            server.whenState("other", 1, "ready"),
          ]);
          const client = server.http();
          assert.equal((await client.infer(ref("m"), inputOf(0))).modelVersion, "2");
          const isolated = nextState(server, "m/2", "failed");
          const backAgain = nextState(server, "m/2", "ready");
          const hung = client.infer(ref("m"), inputOf(HANG_MS));
          const refused = failsWith(hung, "unavailable");
          await isolated;
          await refused;
          assert.equal((await client.infer(ref("m"), inputOf(1))).modelVersion, "1");
          assert.equal((await client.infer(ref("other"), inputOf(1))).modelVersion, "1");
          await assert.rejects(
            client.infer({ name: "m", version: "2" as never }, inputOf(1)),
            (e) => e instanceof InferError && /isolated: requests waited/.test(e.message),
          );
          assert.match(await metricsOf(server), /^sluice_isolations_total\{kind="stalled"\} 1$/m);
          await backAgain;
          assert.equal((await client.infer(ref("m"), inputOf(0))).modelVersion, "2");
          await client.close();
        } finally {
          await server.stop();
        }
      },
    );

    it(`that asks for too much memory is refused it, and serves on (${engine})`, part, async () => {
      const server = await startScenario({ engine });
      try {
        await publishTiny(openStore(server.repository), "m", greedyModel());
        await server.whenState("m", 1, "ready");
        const client = server.http();
        await failsWith(client.infer(ref("m"), inputOf(2 ** 42)), "invalid-argument");
        assert.deepEqual(
          [...((await client.infer(ref("m"), inputOf(3))).outputs[0]?.data ?? [])],
          [3, 0, 0, 0],
        );
        assert.equal(server.app.inspect()[0]?.state, "ready");
        await client.close();
      } finally {
        await server.stop();
      }
    });
  }

  it("whose engine threads die over and over is isolated (portable)", async () => {
    const server = await startScenario({ engine: "portable", engineThreads: "1" });
    try {
      const kill = (worker: Worker) => {
        // Its session must stand, or the load itself would fail.
        worker.once("message", () => setTimeout(() => worker.postMessage(null), 200));
      };
      const isolated = nextState(server, "m/1", "failed");
      process.on("worker", kill);
      await publishTiny(openStore(server.repository), "m", slowModel(1));
      await isolated;
      process.off("worker", kill);
      const { status } = server.app.inspect()[0] ?? {};
      assert.match(status?.reason ?? "", /isolated: [1-9] of its engine threads ended/);
      assert.match(await metricsOf(server), /^sluice_isolations_total\{kind="threads-lost"\} 1$/m);
      await nextState(server, "m/1", "ready");
      const client = server.http();
      assert.equal((await client.infer(ref("m"), inputOf(0))).modelVersion, "1");
      await client.close();
    } finally {
      await server.stop();
    }
  });
});
