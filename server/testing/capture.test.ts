import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type {
  CaptureRecord,
  LabelRecord,
  PredictionRecord,
} from "../../protocols/capture/capture-record.ts";
import { InferError, type StatusCode } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { keyFilePath, updateKeyFile } from "../access/key-file.ts";
import { createKey } from "../access/key-record.ts";
import { ask, StreamClient } from "../transport/testing/clients.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { killLeftRunning, startServe } from "./serve-process.ts";
import { modelOf, node, nullableModel, scaleModel, value } from "./tiny-models.ts";

// The whole server with capture: what it answers, what it records, what it does when it cannot.

let root = "";
let repository = "";
before(async () => {
  root = mkdtempSync(join(tmpdir(), "sluice-capture-"));
  repository = join(root, "models");
  mkdirSync(repository);
  const store = openStore(repository);
  await publishTiny(store, "scale", scaleModel(2));
  await publishTiny(store, "holes", nullableModel());
  await publishTiny(store, "wide", wideModel());
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

/** y = x of any width: its inputs can be large. */
function wideModel(): Uint8Array {
  const shape = ["batch", "width"];
  return modelOf({
    nodes: [node("Identity", ["x"], ["y"])],
    inputs: [value("x", "FP32", shape)],
    outputs: [value("y", "FP32", shape)],
  });
}

let server: ScenarioServer | null = null;
afterEach(async () => {
  await server?.stop();
  server = null;
});

const newFolder = () => join(mkdtempSync(join(root, "c-")), "records");

async function start(settings: Readonly<Record<string, unknown>>): Promise<ScenarioServer> {
  server = await startScenario({ modelRepository: repository, ...settings });
  for (const model of ["scale", "holes", "wide"]) await server.whenState(model, 1, "ready");
  return server;
}

/** All records, after the server has stopped. */
async function recordsOf(folder: string): Promise<CaptureRecord[]> {
  await server?.stop();
  server = null;
  const names = readdirSync(folder).sort();
  assert.ok(
    names.every((name) => name.endsWith(".ndjson")),
    names.join(" "),
  );
  return names.flatMap((name) => readLines(join(folder, name)));
}

function readLines(path: string): CaptureRecord[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as CaptureRecord);
}

const predictionsOf = (records: readonly CaptureRecord[]) =>
  records.filter((record): record is PredictionRecord => record.kind === "prediction");

const rows = (values: readonly number[], width = 4): Tensor => ({
  name: "x",
  datatype: "FP32",
  shape: [values.length / width, width],
  data: Float32Array.from(values),
});
const SCALE = { name: "scale", version: null };
const jsonOf = (data: unknown, extra: object = {}) =>
  JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data }], ...extra });

async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1));
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const failsWith = (call: Promise<unknown>, code: StatusCode, message: RegExp) =>
  assert.rejects(
    call,
    (thrown) =>
      thrown instanceof InferError && thrown.code === code && message.test(thrown.message),
  );

describe("the inference id", () => {
  it("comes with every answer, over every protocol, and is never the same", async () => {
    const { http, grpc, webSocket, endpoints } = await start({});
    const clients = [http(), http({ binary: true }), grpc(), await webSocket()];
    const ids: string[] = [];
    for (const client of [...clients, ...clients]) {
      const { parameters } = await client.infer(SCALE, {
        inputs: [rows([1, 2, 3, 4])],
        outputs: null,
      });
      ids.push(String(parameters.get("inference_id")));
    }
    for (const client of clients) await client.close();
    assert.equal(new Set(ids).size, 8);
    for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{16}\.[0-9a-z]+$/);
    const reply = await ask(endpoints.httpPort, "/v2/models/scale/infer", {
      body: jsonOf([1, 2, 3, 4]),
    });
    assert.equal(reply.headers["sluice-inference-id"], reply.json.parameters.inference_id);
    const failed = await ask(endpoints.httpPort, "/v2/models/scale/infer", { body: "{}" });
    assert.equal(failed.headers["sluice-inference-id"], undefined);
  });

  it("is the caller's own where it brings one", async () => {
    const { endpoints } = await start({});
    const parameters = { inference_id: "order:17" };
    const body = jsonOf([1, 2, 3, 4], { parameters });
    const reply = await ask(endpoints.httpPort, "/v2/models/scale/infer", { body });
    assert.deepEqual(reply.json.parameters, parameters);
    assert.equal(reply.headers["sluice-inference-id"], "order:17");
    const client = await new StreamClient(endpoints.httpPort, "/v2/stream", {}).settled();
    client.ws.send(JSON.stringify({ id: "1", model_name: "scale", ...JSON.parse(body) }));
    assert.deepEqual((await client.waitFrames(1))[0].parameters, parameters);
    client.ws.terminate();
  });
});

describe("missing values", () => {
  it("are taken where the model says so, over HTTP and WebSocket, and refused elsewhere", async () => {
    const { endpoints } = await start({});
    const port = endpoints.httpPort;
    const taken = await ask(port, "/v2/models/holes/infer", { body: jsonOf([1, null, 3, null]) });
    assert.deepEqual(taken.json.outputs[0].data, [1, -1, 3, -1]);
    const refused = await ask(port, "/v2/models/scale/infer", { body: jsonOf([1, null, 3, 4]) });
    assert.equal(refused.status, 400);
    assert.equal(
      refused.json.error,
      "model 'scale' version 1: input 'x' holds null, and the model does not accept missing values there",
    );
    const client = await new StreamClient(port, "/v2/stream", {}).settled();
    for (const model_name of ["holes", "scale"]) {
      client.ws.send(
        JSON.stringify({ id: model_name, model_name, ...JSON.parse(jsonOf([[null, 2, 3, 4]])) }),
      );
    }
    const frames = await client.waitFrames(2);
    client.ws.terminate();
    const byId = new Map(frames.map((frame) => [frame.id, frame]));
    assert.deepEqual(byId.get("holes").outputs[0].data, [-1, 2, 3, 4]);
    assert.match(byId.get("scale").error, /input 'x' holds null/);
    const metadata = await ask(port, "/v2/models/holes");
    assert.deepEqual(metadata.json.inputs, [{ name: "x", datatype: "FP32", shape: [-1, 4] }]);
  });
});

describe("capture", () => {
  it("records what was asked and answered, over every protocol", async () => {
    const folder = newFolder();
    const { http, grpc, webSocket, endpoints } = await start({ captureFolder: folder });
    const clients = [http(), http({ binary: true }), grpc(), await webSocket()];
    const ids: string[] = [];
    for (const [i, client] of clients.entries()) {
      const inputs = [rows([i, 2, 3, 4, 5, 6, 7, 8])];
      const { parameters } = await client.infer(SCALE, { inputs, outputs: null });
      ids.push(String(parameters.get("inference_id")));
    }
    for (const client of clients) await client.close();
    const body = jsonOf([1, null, 3, 4], { parameters: { inference_id: "own" } });
    await ask(endpoints.httpPort, "/v2/models/holes/infer", { body });
    await ask(endpoints.httpPort, "/v2/models/scale/infer", { body: "{}" });
    const records = predictionsOf(await recordsOf(folder));
    assert.equal(records.length, 5);
    const byId = new Map(records.map((record) => [record.inferenceId, record]));
    for (const [i, id] of ids.entries()) {
      const record = byId.get(id);
      assert.ok(record !== undefined && Math.abs(Date.now() - record.atMs) < 60_000);
      assert.deepEqual([record.model, record.version, record.principal], ["scale", 1, null]);
      assert.deepEqual(record.inputs, [
        { name: "x", datatype: "FP32", shape: [2, 4], data: [i, 2, 3, 4, 5, 6, 7, 8] },
      ]);
      assert.deepEqual(record.outputs, [
        { name: "y", datatype: "FP32", shape: [2, 4], data: [2 * i, 4, 6, 8, 10, 12, 14, 16] },
      ]);
    }
    assert.deepEqual(byId.get("own")?.inputs[0]?.data, [1, null, 3, 4]);
    assert.deepEqual(byId.get("own")?.outputs[0]?.data, [1, -1, 3, 4]);
  });

  it("covers the share, the models and the inputs that it was told", async () => {
    const folder = newFolder();
    const settings = {
      captureFolder: folder,
      captureRatio: "0.5",
      captureModels: ["sc*"],
      captureExclude: ["x"],
    };
    const { endpoints } = await start(settings);
    for (let i = 0; i < 60; i += 1) {
      const body = jsonOf([1, 2, 3, 4], { parameters: { inference_id: `e-${i}` } });
      await ask(endpoints.httpPort, `/v2/models/${i < 50 ? "scale" : "holes"}/infer`, { body });
    }
    const records = predictionsOf(await recordsOf(folder));
    assert.ok(records.length > 10 && records.length < 40, String(records.length));
    assert.ok(records.every(({ model, inputs }) => model === "scale" && inputs.length === 0));
    assert.ok(records.every(({ outputs }) => outputs.length === 1));
  });

  it("names the key, and leaves large tensors out, counted", async () => {
    const folder = newFolder();
    const home = mkdtempSync(join(root, "home-"));
    const wanted = { name: "orders", role: "infer", models: ["*"], expiresAt: null } as const;
    const { record, text } = createKey(wanted, new Date());
    await updateKeyFile(keyFilePath(home), () => [record]);
    const { http, endpoints } = await start({ captureFolder: folder, home });
    const client = http({ binary: true, apiKey: text });
    const wide = { name: "wide", version: null };
    const width = 20_000;
    await client.infer(wide, { inputs: [rows(new Array(width).fill(1), width)], outputs: null });
    await client.infer(wide, { inputs: [rows([1, 2], 2)], outputs: null });
    await client.close();
    const dropped = 'sluice_capture_dropped_total{reason="tensor-too-large"}';
    assert.equal(await metric(endpoints.metricsPort, dropped), 2);
    const records = predictionsOf(await recordsOf(folder));
    assert.deepEqual(
      records.map(({ principal }) => principal),
      ["orders", "orders"],
    );
    assert.deepEqual(
      records.map(({ inputs }) => inputs.length),
      [0, 1],
    );
  });

  it("drops and counts while the disk refuses, serving undisturbed, and goes on after", async () => {
    const folder = newFolder();
    const { http, endpoints } = await start({ captureFolder: folder });
    const client = http();
    const infer = () => client.infer(SCALE, { inputs: [rows([1, 2, 3, 4])], outputs: null });
    rmSync(folder, { recursive: true });
    await infer();
    const failed = 'sluice_capture_dropped_total{reason="sink-failed"}';
    await until("a drop", async () => (await metric(endpoints.metricsPort, failed)) === 1);
    await failsWith(
      client.label("scale", [{ inferenceId: "a", row: 0, label: 1 }]),
      "unavailable",
      /the disk refused \(ENOENT\)/,
    );
    mkdirSync(folder);
    await infer();
    const written = 'sluice_capture_records_total{kind="prediction"}';
    await until("a record", async () => (await metric(endpoints.metricsPort, written)) === 1);
    assert.equal(await metric(endpoints.metricsPort, "sluice_capture_waiting_bytes"), 0);
    await client.close();
    assert.equal((await recordsOf(folder)).length, 1);
  });

  it("drops and counts what the queue has no room for", async () => {
    const folder = newFolder();
    const { http, endpoints } = await start({ captureFolder: folder, captureQueueBytes: "65536" });
    const client = http({ binary: true });
    const width = 10_000;
    const ref = { name: "wide", version: null };
    const input = { inputs: [rows(new Array(width).fill(1), width)], outputs: null };
    await client.infer(ref, input);
    await client.infer(SCALE, { inputs: [rows([1, 2, 3, 4])], outputs: null });
    const full = 'sluice_capture_dropped_total{reason="queue-full"}';
    assert.equal(await metric(endpoints.metricsPort, full), 1);
    const labels = Array.from({ length: 300 }, (_, row) => ({ inferenceId: "a", row, label: 1 }));
    await failsWith(client.label("scale", labels), "queue-full", /captureQueueBytes/);
    await client.close();
    const records = predictionsOf(await recordsOf(folder));
    assert.deepEqual(
      records.map(({ model }) => model),
      ["scale"],
    );
  });

  it("refuses to start where it cannot write", async () => {
    await assert.rejects(
      startScenario({ modelRepository: repository, captureFolder: join(repository, "index.json") }),
      /captureFolder .*index\.json cannot be written \((EEXIST|ENOTDIR)\)/,
    );
  });

  it("loses nothing that a killed server wrote: the next one completes its file", async () => {
    const folder = newFolder();
    const home = mkdtempSync(join(root, "home-"));
    const args = ["--model-repository", repository, "--capture-folder", folder];
    const killed = await startServe(home, args);
    await killed.whenReady();
    const client = killed.http();
    const { parameters } = await client.infer(SCALE, {
      inputs: [rows([1, 2, 3, 4])],
      outputs: null,
    });
    const inferenceId = String(parameters.get("inference_id"));
    assert.equal(await client.label("scale", [{ inferenceId, row: 0, label: "good" }]), 1);
    killed.kill("SIGKILL");
    await killed.ended;
    await client.close();
    assert.deepEqual(
      readdirSync(folder).filter((name) => !name.endsWith(".open")),
      [],
    );
    await start({ captureFolder: folder });
    await until("completion", () => readdirSync(folder).every((name) => name.endsWith(".ndjson")));
    const [prediction, label] = await recordsOf(folder);
    assert.equal(prediction?.inferenceId, inferenceId);
    assert.deepEqual([label?.kind, label?.inferenceId], ["label", inferenceId]);
  });
});

describe("labels", () => {
  it("are on the disk when they are answered", async () => {
    const folder = newFolder();
    const { http } = await start({ captureFolder: folder });
    const client = http();
    const labels = [
      { inferenceId: "a.1", row: 0, label: 1 },
      { inferenceId: "a.1", row: 1, label: "cat" },
      { inferenceId: "b.1", row: 0, label: true },
    ];
    assert.equal(await client.label("scale", labels), 3);
    const kept = readdirSync(folder).flatMap((name) => readLines(join(folder, name)));
    const told = kept.filter((record): record is LabelRecord => record.kind === "label");
    assert.deepEqual(
      told.map(({ atMs, ...label }) => ({ ...label, isNow: Math.abs(Date.now() - atMs) < 60_000 })),
      labels.map((label) => ({ kind: "label", model: "scale", ...label, isNow: true })),
    );
    await client.close();
  });

  it("of a model that is not known, or without capture, are refused", async () => {
    const labels = [{ inferenceId: "a", row: 0, label: 1 }];
    const client = (await start({})).http();
    await failsWith(
      client.label("scale", labels),
      "conflict",
      /neither captureFolder nor captureStream/,
    );
    await failsWith(client.label("nobody", labels), "model-not-found", /'nobody'/);
    await client.close();
  });
});
