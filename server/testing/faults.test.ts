import assert from "node:assert/strict";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import { removeModel } from "../../pipelines/publish/remove.ts";
import { rollbackModel } from "../../pipelines/publish/rollback.ts";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import { InferError } from "../../protocols/core/status.ts";
import { createRawClient } from "../transport/grpc/testing/raw-client.ts";
import { startAzurite } from "./azurite.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { killLeftRunning, type ServeProcess, startServe, until } from "./serve-process.ts";
import { rowOf, type SteadyLoad, startSteadyLoad } from "./steady-load.ts";
import { badOpModel, scaleModel, slowModel } from "./tiny-models.ts";

/** Version n of "scale" multiplies by n + 1. */
const LOAD = {
  model: "scale",
  factors: { "1": 2, "2": 3, "3": 4 },
  workersPerClient: 1,
  // Leaves the cores to what is tested.
  paceMs: 5,
};
const POLL = ["--repository-poll-secs", "0.1"];
const ANSWERS = 20;
const CALLS = 8;
const RESOURCE_EXHAUSTED = 8;
const RAW_REQUEST = {
  model_name: "slow",
  inputs: [
    { name: "x", datatype: "FP32", shape: [1, 4], contents: { fp32_contents: [1, 2, 3, 4] } },
  ],
};
const VERSION_2 = join("models", "scale", "versions", "2");

let root = "";
let home = "";
let models = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-faults-"));
});
beforeEach(() => {
  home = mkdtempSync(join(root, "home-"));
  models = join(home, "models");
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

describe("a fault of the model repository, under load", () => {
  it("a model that is cut short, or not the one that was published", async () => {
    await withServing(async ({ server, answersGoOn }) => {
      const path = join(models, VERSION_2, "model.onnx");
      await publishSpoilt("model.onnx", (unseen) => truncateSync(unseen, 50));
      const [cut] = await server.whenState("scale", 2, "failed");
      assert.match(cut, /expected \d+ bytes, got 50/);
      await answersGoOn();
      const flipped = Buffer.from(scaleModel(3));
      flipped[40] = (flipped[40] as number) ^ 1;
      writeFileSync(path, flipped);
      await server.whenSaid(/"to":"failed","reason":"[^"]*expected sha256 [0-9a-f]+, got/);
      await answersGoOn();
      writeFileSync(path, scaleModel(3));
      await server.whenState("scale", 2, "ready");
      await answersGoOn();
    });
  });

  it("a manifest that is not the one of the index", async () => {
    await withServing(async ({ server, answersGoOn }) => {
      const path = join(models, VERSION_2, "manifest.json");
      let text = "";
      await publishSpoilt("manifest.json", (unseen) => {
        text = readFileSync(unseen, "utf8");
        writeFileSync(unseen, text.replace('"opset"', '"opset" '));
      });
      const [line] = await server.whenState("scale", 2, "failed");
      assert.match(line, /expected sha256 [0-9a-f]{64} \(index\.json\), got/);
      await answersGoOn();
      writeFileSync(path, text);
      await server.whenState("scale", 2, "ready");
    });
  });

  it("an index that is torn, then whole again", async () => {
    await withServing(async ({ server, store, answersGoOn }) => {
      const path = join(models, "index.json");
      const whole = readFileSync(path);
      writeFileSync(path, whole.subarray(0, 40));
      await server.whenSaid(/the repository could not be read/);
      await answersGoOn();
      writeFileSync(path, whole);
      await publishTiny(store, "scale", scaleModel(3));
      await server.whenState("scale", 2, "ready");
    });
  });

  it("its folder is gone, then back", async () => {
    await withServing(async ({ server, store, answersGoOn }) => {
      renameSync(models, `${models}-away`);
      await server.whenSaid(/"reason":"[^"]*was there before and is not there now/);
      await answersGoOn();
      renameSync(`${models}-away`, models);
      await publishTiny(store, "scale", scaleModel(3));
      await server.whenState("scale", 2, "ready");
    });
  });

  it("Azure Blob (Azurite) stops, and starts again", async (t) => {
    const folder = mkdtempSync(join(root, "azurite-"));
    let azurite = await startAzurite({ folder, port: 0 });
    const { connectionString, url } = azurite;
    await BlobServiceClient.fromConnectionString(connectionString).createContainer("models");
    const location = `${url}/models`;
    const store = openStore(location, { kind: "connection-string", connectionString });
    await publishTiny(store, "scale", scaleModel(2));
    const args = ["--model-repository", location, ...POLL];
    const server = await startServe(home, args, {
      AZURE_STORAGE_CONNECTION_STRING: connectionString,
    });
    await withLoad(server, async (load) => {
      await azurite.close();
      await server.whenSaid(/the repository could not be read/);
      await load.more(ANSWERS);
      azurite = await startAzurite({ folder, port: Number(new URL(url).port) });
      const backMs = performance.now();
      await publishTiny(store, "scale", scaleModel(3));
      await server.whenState("scale", 2, "ready");
      t.diagnostic(`converged ${Math.round(performance.now() - backMs)} ms after it was back`);
      await load.more(ANSWERS);
    });
    await azurite.close();
  });
});

describe("a fault of the cache, under load", () => {
  it("cannot be written to: what serves goes on, and the version comes once it can", async () => {
    await withServing(async ({ server, store, answersGoOn }) => {
      // A file where a folder should be: refuses even root, as a full or read-only disk would.
      const cache = join(home, "cache");
      renameSync(cache, `${cache}-away`);
      writeFileSync(cache, "in the way");
      await publishTiny(store, "scale", scaleModel(3));
      await server.whenState("scale", 2, "failed");
      await answersGoOn();
      rmSync(cache);
      renameSync(`${cache}-away`, cache);
      await server.whenState("scale", 2, "ready");
    });
  });

  it("holds a version that can never be loaded: the one before serves, also after a restart", async () => {
    await withServing(async ({ server, store }) => {
      await publishTiny(store, "scale", scaleModel(3));
      await server.whenState("scale", 2, "ready");
    });
    // The disk rots after vetting: sizes are right, and the verdict is known.
    for (const folder of readdirSync(join(home, "cache", "versions"))) {
      const version = join(home, "cache", "versions", folder);
      if (!/"version": ?2\b/.test(readFileSync(join(version, "manifest.json"), "utf8"))) continue;
      const bytes = readFileSync(join(version, "model.onnx"));
      writeFileSync(join(version, "model.onnx"), bytes.fill(0xff));
      // So did the repository's disk, or it would be fetched again.
      writeFileSync(join(models, VERSION_2, "model.onnx"), bytes);
    }
    const server = await startServe(home, POLL);
    await server.whenState("scale", 2, "failed");
    await server.whenState("scale", 1, "ready");
    await withLoad(server, async (load) => {
      await load.more(ANSWERS);
      await publishTiny(openStore(models), "scale", scaleModel(4));
      await server.whenState("scale", 3, "ready");
      await load.more(ANSWERS);
    });
  });
});

describe("many models and few", () => {
  it("20 models at once come to serve beside the one that does", async (t) => {
    await withServing(async ({ server, store, answersGoOn }) => {
      const startMs = performance.now();
      const names = Array.from({ length: 20 }, (_, i) => `many-${i}`);
      for (const [i, name] of names.entries()) await publishTiny(store, name, scaleModel(10 + i));
      for (const name of names) await server.whenState(name, 1, "ready");
      t.diagnostic(`20 models in ${Math.round(performance.now() - startMs)} ms`);
      const client = server.grpc();
      await Promise.all(names.map((name, i) => assertScales(client, name, 10 + i)));
      await client.close();
      await answersGoOn();
    });
  });

  it("a model that is removed is unloaded; its neighbour serves on", async () => {
    await withServing(async ({ server, store, answersGoOn }) => {
      await publishTiny(store, "other", scaleModel(7));
      await server.whenState("other", 1, "ready");
      await removeModel(store, "other");
      await server.whenState("other", 1, "unloaded");
      const client = server.http();
      await until(
        "it is not known",
        async () => (await codeOf(client, "other")) === "model-not-found",
      );
      await client.close();
      await answersGoOn();
      await publishTiny(store, "other", scaleModel(8));
      await server.whenState("other", 2, "ready");
    });
  });

  it("a version that is refused: the one before serves, also after a restart", async () => {
    await withServing(async ({ server, store, answersGoOn }) => {
      await publishTiny(store, "scale", badOpModel(), { breaking: true });
      await server.whenState("scale", 2, "failed");
      await answersGoOn();
    });
    const server = await startServe(home, POLL);
    await server.whenState("scale", 2, "failed");
    await withLoad(server, async (load) => {
      await load.more(ANSWERS);
      await rollbackModel(openStore(models), "scale");
      await server.whenSaid(/"generation":3,[^\n]*the repository changed/);
      await load.more(ANSWERS);
    });
  });
});

describe("a queue that is full", () => {
  it("turns requests away on each wire, saying when to come again, and recovers", async () => {
    await publishTiny(openStore(models), "slow", slowModel(400));
    const server = await startServe(home, ["--max-queue", "2"]);
    await server.whenReady();
    const times = Array.from({ length: CALLS }, (_, i) => i);

    const answers = await Promise.all(times.map(() => inferByFetch(server)));
    const refused = answers.filter((answer) => answer.status === 503);
    assert.ok(refused.length > 0);
    assert.equal(answers.filter((answer) => answer.ok).length, CALLS - refused.length);
    for (const answer of refused) {
      assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
      assert.match(await answer.text(), /limit \(maxQueue\)/);
    }
    assert.equal((await inferByFetch(server)).status, 200);

    const raw = await createRawClient(server.grpcPort);
    const callRaw = () => raw.call("ModelInfer", RAW_REQUEST);
    const calls = await Promise.all(times.map(callRaw));
    const exhausted = calls.filter(({ error }) => error?.code === RESOURCE_EXHAUSTED);
    assert.ok(exhausted.length > 0);
    assert.equal(calls.filter(({ error }) => error === null).length, CALLS - exhausted.length);
    for (const { trailers } of exhausted) {
      assert.match(String(trailers.get("grpc-retry-pushback-ms")[0]), /^[1-9]\d*$/);
    }
    assert.equal((await callRaw()).error, null);
    raw.close();

    const stream = await server.webSocket();
    const codes = await Promise.all(times.map(() => codeOf(stream, "slow")));
    assert.deepEqual([...new Set(codes)].sort(), ["ok", "queue-full"]);
    assert.equal(await codeOf(stream, "slow"), "ok");
    await stream.close();
    server.kill("SIGTERM");
    assert.equal((await server.ended).code, 0);
  });
});

interface Serving {
  readonly server: ServeProcess;
  readonly store: ReturnType<typeof openStore>;
  /** Resolves when every protocol has been answered some times more. */
  answersGoOn(): Promise<void>;
}

/** A server with version 1 of "scale" that is asked without pause; in the end no request failed. */
async function withServing(act: (serving: Serving) => Promise<void>): Promise<void> {
  const store = openStore(models);
  await publishTiny(store, "scale", scaleModel(2));
  const server = await startServe(home, POLL);
  await withLoad(server, (load) => act({ server, store, answersGoOn: () => load.more(ANSWERS) }));
}

async function withLoad(
  server: ServeProcess,
  act: (load: SteadyLoad) => Promise<void>,
): Promise<void> {
  await server.whenReady();
  const clients = [server.http(), server.grpc(), await server.webSocket()];
  const load = startSteadyLoad(clients, LOAD);
  await load.more(1);
  const report = await act(load).then(
    () => load.end(),
    async (thrown) => {
      await load.end();
      throw thrown;
    },
  );
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.wrong, []);
  await Promise.all(clients.map((client) => client.close()));
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0, server.stderr);
}

/** Publishes version 2 of "scale" with one file spoilt, so that no server sees it whole. */
async function publishSpoilt(file: string, spoil: (path: string) => void): Promise<void> {
  const unseen = `${models}-unseen`;
  cpSync(models, unseen, { recursive: true });
  await publishTiny(openStore(unseen), "scale", scaleModel(3));
  spoil(join(unseen, VERSION_2, file));
  cpSync(join(unseen, VERSION_2), join(models, VERSION_2), { recursive: true });
  renameSync(join(unseen, "index.json"), join(models, "index.json"));
}

async function assertScales(client: InferenceClient, name: string, factor: number): Promise<void> {
  const input = { inputs: [rowOf(1, 2, 3, 4)], outputs: null };
  const { outputs } = await client.infer({ name, version: null }, input);
  assert.deepEqual(outputs[0]?.data, Float32Array.from([1, 2, 3, 4].map((x) => x * factor)));
}

function inferByFetch(server: ServeProcess): Promise<Response> {
  const x = { name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] };
  return fetch(`${server.httpUrl}/v2/models/slow/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [x] }),
  });
}

async function codeOf(client: InferenceClient, name: string): Promise<string> {
  const input = { inputs: [rowOf(1, 2, 3, 4)], outputs: null };
  try {
    await client.infer({ name, version: null }, input);
    return "ok";
  } catch (thrown) {
    assert.ok(thrown instanceof InferError, String(thrown));
    return thrown.code;
  }
}
