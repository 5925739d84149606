import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import { createWebSocketClient } from "../../protocols/client/websocket-client.ts";
import { loadUws } from "../transport/http/load-uws.ts";
import { makeCertificate, placePair, type TestPair } from "./make-certificate.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import {
  killLeftRunning,
  type ServeProcess,
  spawnServe,
  spawnSluice,
  startServe,
  until,
} from "./serve-process.ts";
import { rowOf, startSteadyLoad } from "./steady-load.ts";
import { scaleModel } from "./tiny-models.ts";

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-serve-tls-"));
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

const LOAD = { model: "scale", factors: { "1": 2 }, workersPerClient: 2, paceMs: 2 };

for (const transport of ["uws", "node"] as const) {
  const skip = transport === "uws" ? (loadUws().reason ?? false) : false;
  describe(`sluice serve with TLS: ${transport}`, { skip }, () => {
    it("serves all three protocols, and takes a new certificate under load", () =>
      withServer(transport, async ({ server, folder, pair }) => {
        const clients = await clientsOf(server, pair);
        const load = startSteadyLoad(clients, LOAD);
        await load.more(20);
        const later = makeCertificate("later", 60);
        placePair(folder, later);
        await server.whenSaid(/the TLS certificate changed/);
        await load.more(20);
        const fresh = await clientsOf(server, later);
        await askAll(fresh);
        const report = await load.end();
        assert.deepEqual(report.failures, []);
        assert.deepEqual(report.wrong, []);
        assert.deepEqual([...report.answered.keys()].toSorted(), ["grpc", "http", "websocket"]);
        const stranger = httpClient(server, pair);
        await assert.rejects(askAll([stranger]), { code: "unavailable" });
        const metrics = await server.metrics();
        assert.match(metrics, /sluice_tls_certificate_renewals_total\{outcome="changed"\} 1/);
        const [, expires] =
          /^sluice_tls_certificate_expiry_timestamp_seconds (\S+)/m.exec(metrics) ?? [];
        assert.ok(Math.abs(Number(expires) - (Date.now() / 1000 + 60 * 86_400)) < 3600, expires);
        assert.match(metrics, /sluice_connections\{port="http"\} [1-9]/);
        assert.match(metrics, /sluice_connections\{port="grpc"\} [1-9]/);
        await close([...clients, ...fresh, stranger]);
      }));

    it("keeps the pair before when the new one is broken, says so once, and takes the next", () =>
      withServer(transport, async ({ server, folder, pair }) => {
        writeFileSync(join(folder, "tls.crt"), makeCertificate("other").certPem);
        await server.whenSaid(/cannot be renewed; the one before stays in use/);
        const client = httpClient(server, pair);
        await askAll([client]);
        const metrics = await server.metrics();
        assert.match(metrics, /sluice_tls_certificate_renewals_total\{outcome="failed"\} 1/);
        assert.doesNotMatch(server.stderr, /PRIVATE KEY/);
        const next = makeCertificate("next");
        placePair(folder, next);
        await server.whenSaid(/the TLS certificate changed/);
        const fresh = httpClient(server, next);
        await askAll([fresh]);
        await close([client, fresh]);
      }));
  });
}

describe("commands with TLS", () => {
  it("infer trusts the authority that it is given, and no other", () =>
    withServer("auto", async ({ server, folder, home }) => {
      const input = join(folder, "request.json");
      const tensor = { name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] };
      writeFileSync(input, JSON.stringify({ inputs: [tensor] }));
      const urls = [
        ["http", server.httpUrl],
        ["grpc", `grpcs://127.0.0.1:${server.grpcPort}`],
        ["websocket", server.httpUrl.replace("https", "wss")],
      ] as const;
      for (const [protocol, url] of urls) {
        const args = ["infer", "--model", "scale", "--input", input, "--protocol", protocol];
        const trusting = [...args, "--url", url, "--ca-file", join(folder, "tls.crt")];
        const asked = spawnSluice(trusting);
        assert.equal((await asked.ended).code, 0, asked.stderr);
        assert.deepEqual(JSON.parse(asked.stdout).outputs[0].data, [2, 4, 6, 8]);
        const wary = spawnSluice([...args, "--url", url]);
        assert.equal((await wary.ended).code, 1, protocol);
      }
      const flags = tlsFlags(folder);
      const doctor = spawnSluice(["doctor", "--home", home, ...flags]);
      await doctor.ended;
      assert.match(doctor.stdout, /ok +tls +.*expires in (29|30) days/);
    }));

  it("serve refuses half a pair, a key that does not fit and an expired certificate, in one line", async () => {
    const home = mkdtempSync(join(root, "home-"));
    const refusal = async (flags: readonly string[]) => {
      const server = spawnServe(home, flags);
      const { code } = await server.ended;
      assert.notEqual(code, 0);
      return server.stderr.trim().split("\n").at(-1) ?? "";
    };
    const folder = mkdtempSync(join(root, "pair-"));
    placePair(folder, makeCertificate("good"));
    const flags = tlsFlags(folder);
    assert.match(await refusal(flags.slice(0, 2)), /tlsCertFile is set and tlsKeyFile is not/);
    writeFileSync(join(folder, "tls.key"), makeCertificate("other").keyPem);
    assert.match(await refusal(flags), /does not fit/);
    placePair(folder, makeCertificate("old", -1));
    assert.match(await refusal(flags), /expired at/);
  });
});

interface Served {
  readonly server: ServeProcess;
  readonly home: string;
  /** Where the pair lies. */
  readonly folder: string;
  readonly pair: TestPair;
}

async function withServer(
  transport: "uws" | "node" | "auto",
  body: (served: Served) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(join(root, "home-"));
  const folder = mkdtempSync(join(root, "pair-"));
  const pair = makeCertificate("now");
  placePair(folder, pair);
  await publishTiny(openStore(join(home, "models")), "scale", scaleModel(2));
  const server = await startServe(home, [...tlsFlags(folder), "--http-transport", transport]);
  const client = httpClient(server, pair);
  await until("ready", () => client.isServerReady());
  await client.close();
  await body({ server, home, folder, pair });
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
  assert.ok(!server.stderr.includes(readFileSync(join(folder, "tls.key"), "utf8").slice(30, 60)));
}

function tlsFlags(folder: string): readonly string[] {
  const cert = ["--tls-cert-file", join(folder, "tls.crt")];
  return [...cert, "--tls-key-file", join(folder, "tls.key")];
}

function httpClient(server: ServeProcess, { certPem }: TestPair) {
  const options = { apiKey: null, timeoutMs: 30_000, caPem: certPem };
  return createHttpClient(server.httpUrl, { ...options, binary: true, maxSockets: 4 });
}

async function clientsOf(server: ServeProcess, pair: TestPair): Promise<InferenceClient[]> {
  const options = { apiKey: null, timeoutMs: 30_000, caPem: pair.certPem };
  return [
    httpClient(server, pair),
    createGrpcClient(`grpcs://127.0.0.1:${server.grpcPort}`, options),
    await createWebSocketClient(`${server.httpUrl.replace("https", "wss")}/v2/stream`, options),
  ];
}

async function askAll(clients: readonly InferenceClient[]): Promise<void> {
  for (const client of clients) {
    const ref = { name: "scale", version: null };
    const { outputs } = await client.infer(ref, { inputs: [rowOf(1, 2, 3, 4)], outputs: null });
    assert.deepEqual(outputs[0]?.data, Float32Array.of(2, 4, 6, 8));
  }
}

async function close(clients: readonly InferenceClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}
