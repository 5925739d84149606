import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import { startAzurite } from "./azurite.ts";
import { openStore } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { type StormReport, swapStorm } from "./swap-storm.ts";

/** A short form by default; the full one is 500 (SLUICE_TEST_SWAPS=500). */
const SWAPS = Number(process.env["SLUICE_TEST_SWAPS"] ?? 15);

async function clientsOf(server: ScenarioServer) {
  return [server.http({ binary: true }), server.http(), server.grpc(), await server.webSocket()];
}

function assertUnharmed(report: StormReport): void {
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.wrong, []);
  for (const protocol of ["http", "grpc", "websocket"]) {
    assert.ok((report.answered.get(protocol) ?? 0) > SWAPS, `${protocol} was asked throughout`);
  }
}

describe(`${SWAPS} hot swaps under load over three protocols, two HTTP threads`, () => {
  it("from a directory: 0 failed, 0 from a version that did not serve", async (t) => {
    const server = await startScenario({ threads: "2" });
    const clients = await clientsOf(server);
    const report = await swapStorm(server, openStore(server.repository), clients, SWAPS);
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(await server.stop(), true);
    t.diagnostic(`answers: ${JSON.stringify([...report.answered])}`);
    assertUnharmed(report);
  });

  it("from Azure Blob (Azurite): 0 failed, 0 from a version that did not serve", async (t) => {
    const azurite = await startAzurite();
    const { connectionString } = azurite;
    await BlobServiceClient.fromConnectionString(connectionString).createContainer("models");
    const location = `${azurite.url}/models`;
    const server = await startScenario(
      { threads: "2", modelRepository: location, repositoryPollSecs: "0.05" },
      { env: { AZURE_STORAGE_CONNECTION_STRING: connectionString } },
    );
    const clients = await clientsOf(server);
    const store = openStore(location, { kind: "connection-string", connectionString });
    const report = await swapStorm(server, store, clients, SWAPS);
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(await server.stop(), true);
    await azurite.close();
    t.diagnostic(`answers: ${JSON.stringify([...report.answered])}`);
    assertUnharmed(report);
  });
});
