import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { needs } from "./skip.ts";
import { mlpModel, scaleModel } from "./tiny-models.ts";

const MODELS = 6;
/** About 4 MB of weights each. */
const SHAPE = { inputs: 4, hidden: [1000, 1000], outputs: 1, seed: 1 };
const X: Tensor = { name: "x", datatype: "FP32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) };
const INPUT = { inputs: [X], outputs: null };

function nameOf(index: number): string {
  return `mlp-${index}`;
}

describe("many models in a small budget", () => {
  let home: string;
  let modelRepository: string;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-budget-"));
    modelRepository = join(home, "repository");
    const store = openStore(modelRepository);
    const bytes = mlpModel(SHAPE);
    for (let i = 0; i < MODELS; i += 1) await publishTiny(store, nameOf(i), bytes);
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  /** A server with room for two or three of the models. */
  async function startSmall(settings: Readonly<Record<string, unknown>>): Promise<ScenarioServer> {
    const probe = await startScenario(
      { modelRepository, modelControlMode: "explicit", loadModel: nameOf(0), ...settings },
      { home },
    );
    await probe.whenState(nameOf(0), 1, "ready");
    const [cost] = probe.app.inspect().flatMap(({ costBytes }) => costBytes ?? []);
    await probe.stop();
    assert.ok(cost !== undefined && cost >= 4_000_000, `${cost} bytes`);
    const server = await startScenario(
      { modelRepository, maxModelBytes: String(3 * cost), pinModels: nameOf(0), ...settings },
      { home },
    );
    await server.whenState(nameOf(MODELS - 1), 1, "unloaded");
    return server;
  }

  for (const engine of ["native", "portable"]) {
    const part = engine === "native" ? needs("compiler") : {};
    it(`answers for every one of them, within the budget (${engine})`, part, async () => {
      const server = await startSmall({ engine });
      try {
        const clients = [server.http(), server.http({ binary: true }), server.grpc()];
        let mostBytes = 0;
        server.app.bus.subscribe(() => {
          mostBytes = Math.max(mostBytes, server.app.modelBytes);
        });
        const names = Array.from({ length: MODELS }, (_, i) => nameOf(i));
        const answers = await Promise.all(
          names.flatMap((name) =>
            clients.map((client) => client.infer({ name, version: null }, INPUT)),
          ),
        );
        const values = answers.map(({ outputs }) => Number(outputs[0]?.data[0]));
        assert.equal(answers.length, MODELS * clients.length);
        for (const value of values) assert.ok(Math.abs(value - (values[0] ?? 0)) < 1e-3);
        const budget = server.app.configuration.maxModelBytes;
        assert.ok(mostBytes > 0 && mostBytes <= budget, `${mostBytes} of ${budget}`);
        const states = server.app.inspect().map(({ id, state }) => `${id.model} ${state}`);
        assert.ok(states.includes(`${nameOf(0)} ready`), "pinned");
        assert.ok(states.filter((state) => state.endsWith(" ready")).length <= 3);
        const metrics = await (
          await fetch(`http://127.0.0.1:${server.endpoints.metricsPort}/metrics`)
        ).text();
        assert.match(metrics, /^sluice_evictions_total [1-9]/m);
        assert.match(metrics, /^sluice_cold_loads_total\{outcome="loaded"\} [1-9]/m);
        for (const client of clients) await client.close();
      } finally {
        await server.stop();
      }
    });
  }

  it("a request whose deadline comes first is told to come again", async () => {
    const server = await startSmall({ coldLoadTimeoutMs: "1" });
    try {
      const client = server.http();
      const cold = server.app.inspect().find(({ state }) => state === "unloaded");
      assert.ok(cold !== undefined);
      await assert.rejects(
        client.infer({ name: cold.id.model, version: null }, INPUT),
        (e) =>
          e instanceof InferError &&
          e.code === "model-not-ready" &&
          /coldLoadTimeoutMs/.test(e.message),
      );
      await client.close();
    } finally {
      await server.stop();
    }
  });
});

describe("swapPolicy resource on the server", () => {
  it("never holds both versions, and no request fails", async () => {
    const server = await startScenario({ swapPolicy: "resource", repositoryPollSecs: "0.05" });
    try {
      const store = openStore(server.repository);
      await publishTiny(store, "m", scaleModel(1));
      await server.whenState("m", 1, "ready");
      let most = 0;
      server.app.bus.subscribe(() => {
        const loaded = server.app.inspect().filter(({ takesMemory }) => takesMemory);
        most = Math.max(most, loaded.length);
      });
      const client = server.http();
      const answers = new Set<string>();
      await publishTiny(store, "m", scaleModel(2));
      const swapped = server.whenState("m", 2, "ready");
      let isSwapped = false;
      void swapped.then(() => {
        isSwapped = true;
      });
      while (!isSwapped) {
        answers.add((await client.infer({ name: "m", version: null }, INPUT)).modelVersion);
      }
      answers.add((await client.infer({ name: "m", version: null }, INPUT)).modelVersion);
      assert.deepEqual([...answers], ["1", "2"]);
      assert.equal(most, 1);
      await client.close();
    } finally {
      await server.stop();
    }
  });
});
