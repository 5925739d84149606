import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { startScenario } from "./scenario-server.ts";
import { scaleModel } from "./tiny-models.ts";

interface Entry {
  readonly name: string;
  readonly version: string;
  readonly state: string;
}

async function readIndex(port: number): Promise<readonly Entry[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/v2/repository/index`, {
    method: "POST",
    body: "{}",
  });
  return (await answer.json()) as readonly Entry[];
}

describe("version policies on the server", () => {
  it("load the newest versions beside the aliases', for the models that say so", async () => {
    const home = mkdtempSync(join(tmpdir(), "sluice-policy-"));
    const modelRepository = join(home, "repository");
    const store = openStore(modelRepository);
    for (const name of ["few", "many"]) {
      await publishTiny(store, name, scaleModel(1));
      for (const factor of [2, 3, 4]) {
        await publishTiny(store, name, scaleModel(factor), { alias: "candidate" });
      }
    }
    const settings = { modelRepository, versionPolicy: "many=latest:2" };
    const server = await startScenario(settings, { home });
    try {
      for (const version of [1, 3, 4]) await server.whenState("many", version, "ready");
      await server.whenState("few", 4, "ready");
      const index = await readIndex(server.endpoints.httpPort);
      assert.deepEqual(
        index.map(({ name, version, state }) => `${name}/${version} ${state}`).sort(),
        ["few/1", "few/4", "many/1", "many/3", "many/4"].map((version) => `${version} READY`),
      );
    } finally {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
});

describe("readiness listed", () => {
  it("waits for the named models, whatever else serves", async () => {
    const server = await startScenario({
      readiness: "listed",
      readyModels: "late",
      repositoryPollSecs: "0.05",
    });
    try {
      const client = server.http();
      const store = openStore(server.repository);
      await publishTiny(store, "early", scaleModel(1));
      await server.whenState("early", 1, "ready");
      assert.equal(await client.isServerReady(), false);
      await publishTiny(store, "late", scaleModel(1));
      await server.whenState("late", 1, "ready");
      // The state comes before its publication; an answer of the model after it.
      while (!(await client.isModelReady({ name: "late", version: null })));
      assert.equal(await client.isServerReady(), true);
      await client.close();
    } finally {
      await server.stop();
    }
  });
});
