import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import { startAzurite } from "./azurite.ts";
import { openStore } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { needs, type Part } from "./skip.ts";
import { type StormPlan, type StormReport, swapStorm } from "./swap-storm.ts";

/** A short form by default; the full one is 500 (SLUICE_TEST_SWAPS=500) and 10,000 flips (SLUICE_TEST_FLIPS). */
const SWAPS = Number(process.env["SLUICE_TEST_SWAPS"] ?? 15);
const FLIPS = Number(process.env["SLUICE_TEST_FLIPS"] ?? 40);
const FULL: StormPlan = { swaps: SWAPS, flips: FLIPS };
/** For the combinations that share their parts with the two in full. */
const BRIEF: StormPlan = { swaps: Math.min(4, SWAPS), flips: Math.min(12, FLIPS) };

async function clientsOf(server: ScenarioServer) {
  return [server.http({ binary: true }), server.http(), server.grpc(), await server.webSocket()];
}

function assertUnharmed(report: StormReport, { swaps }: StormPlan): void {
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.wrong, []);
  for (const protocol of ["http", "grpc", "websocket"]) {
    assert.ok((report.answered.get(protocol) ?? 0) > swaps, `${protocol} was asked throughout`);
  }
}

interface Place {
  readonly location: string | null;
  readonly settings: Readonly<Record<string, string>>;
  readonly connectionString: string | null;
  close(): Promise<void>;
}

const openPlaces: Place[] = [];
after(() => Promise.all(openPlaces.map((place) => place.close())));

async function openPlace(source: Source): Promise<Place> {
  if (source === "a directory") {
    return { location: null, settings: {}, connectionString: null, close: async () => undefined };
  }
  const azurite = await startAzurite();
  const { connectionString } = azurite;
  await BlobServiceClient.fromConnectionString(connectionString).createContainer("models");
  const location = `${azurite.url}/models`;
  const settings = { modelRepository: location, repositoryPollSecs: "0.05" };
  const place = { location, settings, connectionString, close: () => azurite.close() };
  openPlaces.push(place);
  return place;
}

type Source = "a directory" | "Azure Blob (Azurite)";

interface Combination {
  readonly source: Source;
  readonly httpTransport: "uws" | "node";
  readonly engine: "native" | "portable";
  readonly plan: StormPlan;
}

const COMBINATIONS: readonly Combination[] = (
  ["a directory", "Azure Blob (Azurite)"] as const
).flatMap((source) =>
  (["uws", "node"] as const).flatMap((httpTransport) =>
    (["native", "portable"] as const).map((engine) => {
      const plan = httpTransport === "uws" && engine === "native" ? FULL : BRIEF;
      return { source, httpTransport, engine, plan };
    }),
  ),
);

async function runStorm({
  source,
  httpTransport,
  engine,
  plan,
}: Combination): Promise<StormReport> {
  const { location, settings, connectionString } = await openPlace(source);
  // node:http has one thread.
  const threads = httpTransport === "uws" ? "2" : "1";
  const env =
    connectionString === null ? {} : { AZURE_STORAGE_CONNECTION_STRING: connectionString };
  const server = await startScenario({ threads, httpTransport, engine, ...settings }, { env });
  const clients = await clientsOf(server);
  const store =
    connectionString === null
      ? openStore(server.repository)
      : openStore(location ?? "", { kind: "connection-string", connectionString });
  try {
    return await swapStorm(server, store, clients, plan);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(await server.stop(), true);
  }
}

describe("hot swaps under load over three protocols: 0 failed, 0 from a version that did not serve", () => {
  for (const each of COMBINATIONS) {
    const { source, httpTransport, engine, plan } = each;
    const parts: Part[] = httpTransport === "uws" ? ["uws"] : [];
    if (engine === "native") parts.push("compiler");
    const name = `${plan.swaps} versions and ${plan.flips} flips from ${source}, ${httpTransport}, ${engine} engine`;
    it(name, needs(...parts), async (t) => {
      const report = await runStorm(each);
      t.diagnostic(`answers: ${JSON.stringify([...report.answered])}`);
      assertUnharmed(report, plan);
    });
  }
});
