import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { verifyAuditLog } from "../access/verify-audit-log.ts";
import { openStore, publishTiny, rollbackTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { badOpModel, identityModel, scaleModel } from "./tiny-models.ts";

const REF = { name: "scale", version: null };

function row(...values: number[]): Tensor {
  return { name: "x", datatype: "FP32", shape: [1, 4], data: Float32Array.from(values) };
}

async function answerOf(client: Awaited<ReturnType<ScenarioServer["webSocket"]>>, ref = REF) {
  const { modelVersion, outputs } = await client.infer(ref, {
    inputs: [row(1, 2, 3, 4)],
    outputs: null,
  });
  return { modelVersion, y: floatsOf(outputs[0]) };
}

describe("a model put in a folder", () => {
  let server: ScenarioServer;
  before(async () => {
    server = await startScenario({ threads: "2" });
    const store = openStore(server.repository);
    await publishTiny(store, "scale", scaleModel(2));
    await server.whenState("scale", 1, "ready");
  });
  after(async () => {
    assert.equal(await server.stop(), true);
  });

  it("answers over every protocol", async () => {
    const clients = [
      server.http(),
      server.http({ binary: true }),
      server.grpc(),
      await server.webSocket(),
    ];
    for (const client of clients) {
      assert.deepEqual(await answerOf(client), { modelVersion: "1", y: [2, 4, 6, 8] });
      await client.close();
    }
  });

  it("is swapped, kept as previous, and rolled back", async () => {
    const client = server.http();
    const store = openStore(server.repository);
    await publishTiny(store, "scale", scaleModel(3));
    await server.whenState("scale", 2, "ready");
    assert.deepEqual(await answerOf(client), { modelVersion: "2", y: [3, 6, 9, 12] });
    const previous = await answerOf(client, { name: "scale", version: "previous" } as never);
    assert.deepEqual(previous, { modelVersion: "1", y: [2, 4, 6, 8] });
    await rollbackTiny(store, "scale");
    while ((await answerOf(client)).modelVersion !== "1") await new Promise(setImmediate);
    await rollbackTiny(store, "scale");
    while ((await answerOf(client)).modelVersion !== "2") await new Promise(setImmediate);
    await client.close();
  });

  it("tells in its metrics how long loads and swaps took, and what versions take", async () => {
    const page = await (
      await fetch(`http://127.0.0.1:${server.endpoints.metricsPort}/metrics`)
    ).text();
    const readingOf = (series: string) => {
      const line = page.split("\n").find((each) => each.startsWith(`${series} `));
      return Number(line?.slice(series.length + 1));
    };
    for (const phase of ["fetch", "vet", "load", "warm", "total"]) {
      assert.equal(readingOf(`sluice_version_load_seconds_count{phase="${phase}"}`), 2, phase);
    }
    // Published once, rolled back twice; the last may not be counted yet.
    const swaps = readingOf("sluice_swap_seconds_count");
    assert.ok(swaps >= 1 && swaps <= 3, `${swaps} swaps`);
    assert.equal(readingOf('sluice_repository_failures_in_a_row{operation="index"}'), 0);
    assert.equal(readingOf("sluice_cache_versions"), 2);
    assert.ok(readingOf("sluice_cache_bytes") > 2 * scaleModel(2).length, "models and manifests");
    const labels = '{model="scale",version="2"}';
    const sinceSeconds = readingOf(`sluice_version_state_since_timestamp_seconds${labels}`);
    assert.ok(sinceSeconds > Date.now() / 1000 - 600 && sinceSeconds <= Date.now() / 1000);
    const fileBytes = readingOf(`sluice_version_file_bytes${labels}`);
    assert.equal(fileBytes, scaleModel(3).length);
    assert.ok(readingOf(`sluice_version_bytes${labels}`) >= fileBytes);
  });

  it("keeps serving when the next version is refused, and says why", async () => {
    const client = server.http();
    const store = openStore(server.repository);
    const version = await publishTiny(store, "scale", badOpModel(), { breaking: true });
    await server.whenState("scale", version, "failed");
    assert.equal((await answerOf(client)).modelVersion, "2");
    const response = await fetch(
      `http://127.0.0.1:${server.endpoints.httpPort}/v2/repository/index`,
      {
        method: "POST",
      },
    );
    const entries = (await response.json()) as {
      version: string;
      state: string;
      reason?: string;
    }[];
    const entry = entries.find((e) => e.version === String(version));
    assert.equal(entry?.state, "UNAVAILABLE");
    assert.match(entry?.reason ?? "", /domain that is not allowed/);
    await rollbackTiny(store, "scale");
    await client.close();
  });

  it("is counted in the metrics, and its steps are in the audit log", async () => {
    const metricsUrl = `http://127.0.0.1:${server.endpoints.metricsPort}/metrics`;
    const text = await (await fetch(metricsUrl)).text();
    assert.match(
      text,
      /sluice_requests_total\{model="scale",version="2",protocol="http",code="ok"\} \d+/,
    );
    assert.match(
      text,
      /sluice_request_duration_seconds_bucket\{model="scale",version="2",le="0.001"\} \d+/,
    );
    assert.match(text, /sluice_version_state\{model="scale",version="2",state="ready"\} 1/);
    assert.match(
      text,
      /sluice_batches_total\{model="scale",version="2",placement="(inline|engine)",closed_by="[a-z-]+"\} \d+/,
    );
    assert.match(text, /sluice_ready 1/);
    const log = join(server.home, "audit.jsonl");
    assert.equal((await verifyAuditLog(log)).brokenAt, null);
    assert.match(readFileSync(log, "utf8"), /"version.failed"/);
  });

  it("gives clear errors for what is not there", async () => {
    const client = server.http();
    const ask = (name: string, version: string | null) =>
      client.infer({ name, version }, { inputs: [row(1, 2, 3, 4)], outputs: null });
    const codeOf = async (call: Promise<unknown>) => {
      const error = await call.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof InferError, String(error));
      return error.code;
    };
    assert.equal(await codeOf(ask("nobody", null)), "model-not-found");
    assert.equal(await codeOf(ask("scale", "99")), "version-not-found");
    assert.equal(await codeOf(ask("scale", "nightly")), "version-not-found");
    await client.close();
  });
});

describe("the portable engine", () => {
  it("answers over every protocol, swaps, and counts its batches", async () => {
    const server = await startScenario({ engine: "portable" });
    assert.match(server.endpoints.engine, /^portable, .*as set/);
    const store = openStore(server.repository);
    const clients = [server.http(), server.grpc(), await server.webSocket()];
    for (const [version, y] of [
      [1, [2, 4, 6, 8]],
      [2, [3, 6, 9, 12]],
    ] as const) {
      await publishTiny(store, "scale", scaleModel(version + 1));
      await server.whenState("scale", version, "ready");
      for (const client of clients) {
        assert.deepEqual(await answerOf(client), { modelVersion: String(version), y });
      }
    }
    const metricsUrl = `http://127.0.0.1:${server.endpoints.metricsPort}/metrics`;
    const text = await (await fetch(metricsUrl)).text();
    assert.match(
      text,
      /sluice_batches_total\{model="scale",version="2",placement="engine",closed_by="alone"\} 3/,
    );
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(await server.stop(), true);
  });
});

describe("restart", () => {
  it("starts from the cache while the repository is away", async () => {
    const home = mkdtempSync(join(tmpdir(), "sluice-offline-"));
    const first = await startScenario({}, { home });
    await publishTiny(openStore(first.repository), "scale", scaleModel(5));
    await first.whenState("scale", 1, "ready");
    await first.stop();
    rmSync(join(home, "models"), { recursive: true });
    const second = await startScenario({}, { home });
    await second.whenState("scale", 1, "ready");
    const client = second.http();
    assert.deepEqual(await answerOf(client), { modelVersion: "1", y: [5, 10, 15, 20] });
    await client.close();
    await second.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it("names an explicit mode's models by call", async () => {
    const server = await startScenario({ modelControlMode: "explicit", loadModel: ["a"] });
    const store = openStore(server.repository);
    await publishTiny(store, "a", identityModel("FP32"));
    await publishTiny(store, "b", identityModel("FP32"));
    await server.whenState("a", 1, "ready");
    const base = `http://127.0.0.1:${server.endpoints.httpPort}/v2`;
    const ready = async (model: string) => (await fetch(`${base}/models/${model}/ready`)).status;
    const post = async (path: string) => (await fetch(`${base}${path}`, { method: "POST" })).status;
    assert.deepEqual([await ready("a"), await ready("b")], [200, 503]);
    assert.equal(await post("/repository/models/b/load"), 200);
    assert.equal(await post("/repository/models/a/unload"), 200);
    await server.whenState("a", 1, "unloaded");
    assert.deepEqual([await ready("a"), await ready("b")], [503, 200]);
    assert.equal(await post("/repository/models/zzz/load"), 404);
    await publishTiny(store, "c", badOpModel());
    while ((await post("/repository/models/c/load")) === 404) await new Promise(setImmediate);
    assert.equal(await post("/repository/models/c/load"), 503, "asking again is answered again");
    await server.stop();
  });
});

describe("an index that cannot be read", () => {
  it("changes nothing", async () => {
    const server = await startScenario({ repositoryPollSecs: "1" });
    const store = openStore(server.repository);
    await publishTiny(store, "scale", scaleModel(2));
    await server.whenState("scale", 1, "ready");
    writeFileSync(join(server.repository, "index.json"), '{"schemaVersion": 1, "gener');
    const client = server.http();
    const metricsUrl = `http://127.0.0.1:${server.endpoints.metricsPort}/metrics`;
    let text = "";
    while (!/polls_total\{outcome="failed"\} [1-9]/.test(text))
      text = await (await fetch(metricsUrl)).text();
    assert.equal((await answerOf(client)).modelVersion, "1");
    await client.close();
    await server.stop();
  });
});

function floatsOf(tensor: Tensor | undefined): number[] {
  assert.ok(tensor?.data instanceof Float32Array);
  return [...tensor.data];
}
