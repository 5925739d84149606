import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { DirectoryStore } from "../../pipelines/publish/directory-store.ts";
import { rollbackModel } from "../../pipelines/publish/rollback.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import { createInputPool } from "../input-pool.ts";
import { MLP } from "../models/bench-models.ts";
import type { SluiceServer } from "../running-server.ts";
import { startSluice } from "../start-sluice.ts";
import { Publisher } from "./hot-swap-publisher.ts";
import { createSwapper, planSwaps, type SwapPlan } from "./hot-swap-versions.ts";

let folder = "";
let server: SluiceServer;
let plan: SwapPlan;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "publisher-test-"));
  const modelFile = join(folder, "mlp.onnx");
  await writeFile(modelFile, MLP.bytes());
  server = await startSluice({ models: { [MLP.name]: modelFile }, flags: [] }, folder, null);
  plan = planSwaps(server, MLP.name, modelFile);
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

/** Version and values that the server answers now. */
async function ask(): Promise<{ version: string; values: unknown }> {
  const options = { apiKey: server.apiKey, timeoutMs: 10_000, binary: false, maxSockets: 1 };
  const client = createHttpClient(plan.url, options);
  try {
    const model = { name: MLP.name, version: null };
    const [input] = createInputPool(await client.describe(model), new Map());
    assert.ok(input !== undefined);
    const { modelVersion, outputs } = await client.infer(model, input);
    return { version: modelVersion, values: outputs[0]?.data };
  } finally {
    await client.close();
  }
}

test("each version is served when its swap settles, and answers as the one before", async () => {
  const first = await ask();
  assert.equal(first.version, "1");
  const publisher = new Publisher(plan);
  try {
    const swap = await publisher.swap();
    assert.deepEqual(await ask(), { version: "2", values: first.values });
    assert.ok(swap.publishStartMs <= swap.publishedMs);
    assert.ok(swap.publishedMs < swap.firstAnswerMs);
    const stop = publisher.repeat(0);
    while ((await ask()).version === "2") await setTimeout(20);
    const swaps = await stop();
    assert.equal(swaps[0]?.version, 3);
    assert.equal((await ask()).version, String(swaps.at(-1)?.version));
    const idle = publisher.repeat(60_000);
    assert.deepEqual(await idle(), []);
  } finally {
    await publisher.close();
  }
});

test("a rollback is seen as soon as it is served", async () => {
  const swapper = await createSwapper(plan);
  try {
    const { version, replaced } = await rollbackModel(
      new DirectoryStore(server.repository),
      MLP.name,
    );
    await swapper.until(version);
    assert.equal((await ask()).version, String(version));
    assert.equal(replaced, version + 1);
  } finally {
    await swapper.close();
  }
});

test("what cannot be published is an error of whoever waits for it", async () => {
  const modelFile = join(folder, "other.onnx");
  await writeFile(modelFile, (await readFile(plan.modelFile)).subarray(0, 100));
  const publisher = new Publisher({ ...plan, modelFile });
  try {
    await assert.rejects(publisher.swap(), /ONNX/i);
  } finally {
    await publisher.close();
  }
});
