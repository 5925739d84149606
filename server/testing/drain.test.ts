import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import { startAzurite } from "./azurite.ts";
import { startHangingProxy } from "./hanging-proxy.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import {
  childrenOf,
  isDead,
  killLeftRunning,
  type ServeProcess,
  spawnServe,
  startServe,
  until,
} from "./serve-process.ts";
import { type LoadReport, rowOf, startSteadyLoad } from "./steady-load.ts";
import { scaleModel, slowModel } from "./tiny-models.ts";

/** A short form by default (SLUICE_TEST_DRAINS for more). */
const DRAINS = Number(process.env["SLUICE_TEST_DRAINS"] ?? 10);
const SLOW_MS = 400;
const SLOW_CALLS_PER_CLIENT = 3;
/** What ends at once ends within this on a busy machine. */
const QUICK_MS = 8000;
const LOAD = { model: "scale", factors: { "1": 2 }, workersPerClient: 2, paceMs: 0 };

let root = "";
/** A home with "scale" and "slow", both vetted and cached. */
let home = "";
before(async () => {
  root = mkdtempSync(join(tmpdir(), "sluice-drain-"));
  home = join(root, "home");
  const store = openStore(join(home, "models"));
  await publishTiny(store, "scale", scaleModel(2));
  await publishTiny(store, "slow", slowModel(SLOW_MS));
  const server = await startServe(home);
  await server.whenReady();
  await endWell(server, "SIGTERM");
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

describe("a signal under load", () => {
  for (const [i, signal] of repeat(["SIGTERM", "SIGINT"] as const, DRAINS)) {
    it(`${signal}, ${i + 1}: what was accepted is answered, exit code 0`, async (t) => {
      const server = await startServe(home, ["--threads", "2"]);
      await server.whenReady();
      const clients = await clientsOf(server);
      const load = startSteadyLoad(clients, LOAD);
      await load.more(20);
      const slow = await sendSlowCalls(server, clients);
      load.endAtFailure();
      const afterMs = await endWell(server, signal);
      const report = await load.end();
      assertOnlyTurnedAway(report);
      for (const outcome of await slow.outcomes) assert.equal(outcome, "answered");
      await closeAll(clients);
      t.diagnostic(`ended ${Math.round(afterMs)} ms after the signal`);
    });
  }
});

describe("the drain delay", () => {
  it("says 'not ready' first and serves on; a second signal ends it", async () => {
    const server = await startServe(home, ["--drain-delay-ms", "600000"]);
    await server.whenReady();
    const clients = await clientsOf(server);
    const [http, grpc] = [server.http(), server.grpc()];
    const load = startSteadyLoad(clients, LOAD);
    await load.more(5);
    server.kill("SIGTERM");
    await until("not ready over HTTP", async () => !(await http.isServerReady()));
    await until("not ready over gRPC", async () => !(await grpc.isServerReady()));
    assert.equal((await fetch(`${server.httpUrl}/v2/health/ready`)).status, 503);
    assert.equal((await fetch(`${server.httpUrl}/v2/health/live`)).status, 200);
    await load.more(20);
    load.endAtFailure();
    await endWell(server, "SIGTERM");
    assertOnlyTurnedAway(await load.end());
    await closeAll([...clients, http, grpc]);
  });
});

describe("a signal before the server is ready", () => {
  it("during the start", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const young = mkdtempSync(join(root, "young-"));
      const server = spawnServe(young);
      // The first thing that it makes, before any thread or port.
      await until("it has begun", () => existsSync(join(young, "audit.jsonl")));
      await endWell(server, signal);
    }
  });

  it("while a version is vetted, with no child left behind", async () => {
    const vetting = mkdtempSync(join(root, "vetting-"));
    await publishTiny(openStore(join(vetting, "models")), "slow", slowModel(5000));
    const server = await startServe(vetting);
    await until("the vetting child", () => childrenOf(server.pid).length > 0);
    const children = childrenOf(server.pid);
    await endWell(server, "SIGTERM");
    for (const child of children) assert.ok(isDead(child));
  });

  it("while a download hangs, and while the index does", async () => {
    const azurite = await startAzurite();
    const { connectionString } = azurite;
    await BlobServiceClient.fromConnectionString(connectionString).createContainer("models");
    const store = openStore(`${azurite.url}/models`, {
      kind: "connection-string",
      connectionString,
    });
    await publishTiny(store, "scale", scaleModel(2));
    const origin = new URL(azurite.url).origin;
    for (const held of [/model\.onnx/, /index\.json/]) {
      const proxy = await startHangingProxy(origin, held);
      const env = {
        AZURE_STORAGE_CONNECTION_STRING: connectionString.replace(origin, proxy.url),
      };
      const location = `${azurite.url.replace(origin, proxy.url)}/models`;
      const hanging = mkdtempSync(join(root, "hanging-"));
      const server = await startServe(hanging, ["--model-repository", location], env);
      await proxy.held;
      await endWell(server, "SIGTERM");
      await proxy.close();
    }
    await azurite.close();
  });
});

describe("a port that is taken", () => {
  it("ends the second server with one clear line and exit code 1", async () => {
    const first = await startServe(home);
    const ports: [string, number, RegExp][] = [
      [
        "--http-port",
        first.httpPort,
        /^sluice: cannot listen on 127\.0\.0\.1:\d+: another process listens there\n$/,
      ],
      [
        "--grpc-port",
        first.grpcPort,
        /^sluice: cannot serve gRPC on 127\.0\.0\.1:\d+: the port is taken \(grpcPort\)\n$/,
      ],
      ["--metrics-port", first.metricsPort, /^sluice: [^\n]*:\d+[^\n]*\n$/],
    ];
    for (const [flag, port, line] of ports) {
      const args = [flag, String(port), "--log-level", "warn"];
      const second = spawnServe(mkdtempSync(join(root, "second-")), args);
      assert.deepEqual((await second.ended).code, 1, flag);
      assert.match(second.stderr, line, flag);
      assert.ok(second.stderr.includes(String(port)), second.stderr);
    }
    await endWell(first, "SIGTERM");
  });
});

interface SlowCalls {
  /** What came of each. */
  readonly outcomes: Promise<readonly string[]>;
}

/** Sends calls that take long through every client; resolves when the server has all of them. */
async function sendSlowCalls(
  server: ServeProcess,
  clients: readonly InferenceClient[],
): Promise<SlowCalls> {
  const wanted = clients.length * SLOW_CALLS_PER_CLIENT;
  for (;;) {
    let open = wanted;
    const calls = clients.flatMap((client) =>
      Array.from({ length: SLOW_CALLS_PER_CLIENT }, async () => {
        const input = { inputs: [rowOf(1, 2, 3, 4)], outputs: null };
        const outcome = await client.infer({ name: "slow", version: null }, input).then(
          () => "answered",
          (thrown: unknown) => String(thrown),
        );
        open -= 1;
        return outcome;
      }),
    );
    const outcomes = Promise.all(calls);
    // On a busy machine they may be answered before the look at the metrics: then once more.
    while (open > 0) {
      const inFlight = /requests_in_flight\{model="slow",version="1"\} (\d+)/.exec(
        await server.metrics(),
      );
      if (Number(inFlight?.[1]) === wanted) return { outcomes };
    }
    await outcomes;
  }
}

/** A request that comes after the signal may be refused, clearly; none may be cut off. */
function assertOnlyTurnedAway(report: LoadReport): void {
  assert.deepEqual(report.wrong, []);
  const cut = report.failures.filter(
    ({ code, message }) => code !== "draining" && !TURNED_AWAY.some((known) => known.test(message)),
  );
  assert.deepEqual(cut, []);
}

/** Never reached the server; came after its goodbye, which says that a restart is the reason. */
const TURNED_AWAY = [/ECONNREFUSED/, /closed by the server, code 1012/];

async function clientsOf(server: ServeProcess): Promise<InferenceClient[]> {
  return [server.http(), server.grpc(), await server.webSocket()];
}

async function closeAll(clients: readonly InferenceClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}

/** Sends the signal; resolves with how long the end took once it was a good and quick one. */
async function endWell(
  server: Pick<ServeProcess, "kill" | "ended" | "stderr">,
  signal: NodeJS.Signals,
): Promise<number> {
  server.kill(signal);
  const { code, signal: killer, afterMs } = await server.ended;
  assert.deepEqual({ code, killer }, { code: 0, killer: null }, server.stderr);
  assert.ok(afterMs < QUICK_MS, `it took ${afterMs} ms to end`);
  return afterMs;
}

function repeat<T>(items: readonly T[], times: number): readonly (readonly [number, T])[] {
  return Array.from({ length: times }, (_, i) => [i, items[i % items.length] as T] as const);
}
