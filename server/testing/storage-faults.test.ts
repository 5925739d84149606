import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import { startAzurite } from "./azurite.ts";
import { type Fault, type ProxiedRequest, startFaultProxy } from "./fault-proxy.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { killLeftRunning, startServe } from "./serve-process.ts";
import { startSteadyLoad } from "./steady-load.ts";
import { scaleModel } from "./tiny-models.ts";

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-storage-"));
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

const refusal = (status: number, code: string): Fault => ({
  ...{ kind: "status", status, code, retryAfterSecs: null, date: null },
});

interface Step {
  readonly fault: (request: ProxiedRequest) => Fault | null;
  /** What the log says while it lasts. */
  readonly said: RegExp;
}

const onModels = (fault: Fault) => (request: ProxiedRequest) =>
  request.path.includes("model.onnx") ? fault : null;

const STEPS: readonly Step[] = [
  { fault: () => refusal(503, "ServerBusy"), said: /could not be read|HTTP 503 ServerBusy/ },
  {
    fault: () => refusal(403, "AuthorizationPermissionMismatch"),
    said: /"reason":"index\.json: HTTP 403 [^"]*Storage Blob Data Reader/,
  },
  {
    fault: () => ({ kind: "html" }),
    said: /"reason":"index\.json: [^"]*a proxy or gateway in between/,
  },
  {
    fault: onModels({ kind: "flip-byte", at: 60 }),
    said: /"to":"failed","reason":"[^"]*expected sha256 [0-9a-f]{64}, got/,
  },
  {
    fault: onModels(refusal(412, "ConditionNotMet")),
    said: /"to":"failed","reason":"[^"]*changed while it was read/,
  },
  {
    fault: onModels({ kind: "reset-head" }),
    said: /"to":"failed","reason":"[^"]*model\.onnx: no answer/,
  },
];

it("faults of Azure under load: every version comes in the end, and no request fails", async () => {
  const azurite = await startAzurite();
  const { connectionString, url } = azurite;
  await BlobServiceClient.fromConnectionString(connectionString).createContainer("models");
  const credentials = { kind: "connection-string", connectionString } as const;
  const store = openStore(`${url}/models`, credentials);
  await publishTiny(store, "scale", scaleModel(2));
  const { origin, pathname } = new URL(url);
  const proxy = await startFaultProxy(origin);
  const args = ["--model-repository", `${proxy.url}${pathname}/models`];
  const server = await startServe(join(root, "home"), [...args, "--repository-poll-secs", "0.1"], {
    AZURE_STORAGE_KEY: azurite.accountKey,
  });
  await server.whenReady();
  const clients = [server.http(), server.grpc()];
  const factors = Object.fromEntries(
    [0, ...STEPS.keys()].map((_, i) => [String(i + 1), i + 2] as const),
  );
  const load = startSteadyLoad(clients, {
    model: "scale",
    factors,
    workersPerClient: 1,
    paceMs: 5,
  });
  for (const [i, { fault, said }] of STEPS.entries()) {
    proxy.use(fault);
    await publishTiny(store, "scale", scaleModel(i + 3));
    await server.whenSaid(said);
    await load.more(5);
    proxy.use(() => null);
    await server.whenState("scale", i + 2, "ready");
    await load.more(5);
  }
  const report = await load.end();
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.wrong, []);
  assert.match(await server.metrics(), /sluice_repository_polls_total\{outcome="failed"\} [1-9]/);
  assert.doesNotMatch(
    server.stderr,
    new RegExp(azurite.accountKey.slice(0, 20).replace("+", "\\+")),
  );
  await Promise.all(clients.map((client) => client.close()));
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0, server.stderr);
  await proxy.close();
  await azurite.close();
});
