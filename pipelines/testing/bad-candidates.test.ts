import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openContainer } from "../../protocols/repository/azure-container.ts";
import { type Azurite, startAzurite } from "../../server/testing/azurite.ts";
import {
  killLeftRunning,
  type ServeProcess,
  startServe,
} from "../../server/testing/serve-process.ts";
import { scaleModel } from "../../server/testing/tiny-models.ts";
import { buildTreeGraph } from "../compile/tree-graph.ts";
import { readCandidateFiles } from "../loop/candidate-files.ts";
import { readIndex } from "../publish/update-index.ts";
import type { CandidateTable } from "../store/tables.ts";
import { explain } from "../tracking/explain.ts";
import { parseTreesModel } from "../train/trees-model.ts";
import { CandidateWorld, MODEL } from "./candidate-world.ts";
import { deepTrees, retold } from "./hand-made-models.ts";
import { makeOrders } from "./orders.ts";
import { askAbout } from "./shop-client.ts";

after(killLeftRunning);

/** A first version, trained here. */
async function firstVersion(world: CandidateWorld): Promise<CandidateTable> {
  const champion = await world.fateOf(() => undefined);
  assert.equal(champion.stage, "published", champion.reason ?? "");
  return champion;
}

/** The champion's answers from other bytes: what a good hand would put into incoming/. */
function goodModel({ files_json }: CandidateTable): Uint8Array {
  const { artifact } = readCandidateFiles(files_json);
  const trees = parseTreesModel(readFileSync(artifact?.file ?? "", "utf8"));
  return buildTreeGraph(retold(trees));
}

describe("a bad candidate", () => {
  let world: CandidateWorld;
  let server: ServeProcess;
  let champion: CandidateTable;

  before(async () => {
    world = await CandidateWorld.create(null, {});
    champion = await firstVersion(world);
    const repository = join(world.home, "models");
    server = await startServe(join(world.home, "server"), [
      ...["--model-repository", repository, "--repository-poll-secs", "0.1", "--threads", "1"],
    ]);
    await server.whenState(MODEL, 1, "ready");
  });
  after(() => world?.close());

  const put = (path: string, bytes: Uint8Array | string) => {
    const file = join(world.home, "models/incoming", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  };
  const assertStopped = async (candidate: CandidateTable, gate: string, reason: RegExp) => {
    assert.equal(candidate.stage, "refused");
    assert.equal(candidate.refused_by, gate);
    assert.match(candidate.reason ?? "", reason);
    const { evidence, events, ...story } = await explain(world.store, candidate.id);
    assert.match([story.headline, story.reason, ...evidence].join("\n"), reason);
    assert.ok(events.some(({ type }) => type === "gate.failed"));
    const event = await world.store
      .selectFrom("events")
      .select("details_json")
      .where("type", "=", "gate.failed")
      .where("subject", "=", `candidate:${candidate.id}`)
      .executeTakeFirstOrThrow();
    assert.equal(JSON.parse(event.details_json).gate, gate);
    await assertChampionServes();
    return { evidence };
  };
  const assertChampionServes = async () => {
    const index = await readIndex(world.repository);
    assert.equal(index.models[MODEL]?.aliases["champion"], 1);
    const about = { seed: 1, firstId: 1, count: 3, fromMs: 0, regime: "usual" } as const;
    const { version } = await askAbout(`${server.httpUrl}/v2/models/${MODEL}`, makeOrders(about));
    assert.equal(version, "1");
  };

  it("that is worse is stopped by evaluation, with both numbers", async () => {
    const candidate = await world.fateOf(() => world.trainBy("noise"));
    const { evidence } = await assertStopped(candidate, "evaluate", /auc: /);
    assert.match(evidence.join("\n"), /auc/);
    const { outcome, change } = JSON.parse(candidate.evaluation_json ?? "{}");
    assert.equal(outcome, "refused");
    assert.ok(change.high < 0, "worse beyond doubt");
  });

  it("whose graph answers otherwise than its trainer is stopped by the replay", async () => {
    const candidate = await world.fateOf(() => world.trainBy("mismatch"));
    await assertStopped(candidate, "replay", /[0-9]+ of [0-9]+ rows/);
  });

  it("with other inputs is stopped by vetting: clients could break", async () => {
    const candidate = await world.fateOf(() => put(`${MODEL}/other.onnx`, scaleModel(2)));
    assert.equal(candidate.origin, "incoming");
    await assertStopped(candidate, "vet", /clients of version 1 could break: input/);
  });

  it("that crashes whoever loads it is stopped by vetting, in a process of its own", async () => {
    const deep = buildTreeGraph(deepTrees());
    const candidate = await world.fateOf(() => put(`${MODEL}/deep.onnx`, deep));
    await assertStopped(candidate, "vet", /crashed the vetting process \(SIGSEGV\)/);
  });

  it("that is torn, or no model, is stopped by vetting", async () => {
    const torn = goodModel(champion).slice(0, 2000);
    const half = await world.fateOf(() => put(`${MODEL}/half.onnx`, torn));
    await assertStopped(half, "vet", /./);
    const text = await world.fateOf(() => put(`${MODEL}/model.onnx`, '{"weights": []}'));
    await assertStopped(text, "vet", /expected an ONNX model, got text \(JSON\)/);
  });

  it("is not tried again when it is put there again", async () => {
    const before = await world.candidates();
    put(`${MODEL}/again.onnx`, scaleModel(2));
    await world.until("taken away", async () =>
      (await world.repository.list("incoming/")).length === 0 ? true : null,
    );
    assert.equal((await world.candidates()).length, before.length);
    await assertChampionServes();
  });

  it("is told from a good one that is still being written", async () => {
    const bytes = goodModel(champion);
    const path = join(world.home, "models/incoming", MODEL, "model.onnx");
    const before = (await world.candidates()).length;
    writeFileSync(path, bytes.slice(0, 1000));
    for (let end = 1000; end < bytes.length; end += Math.ceil(bytes.length / 4)) {
      await world.round();
      const { length } = await world.candidates();
      assert.equal(length, before, "taken although it still grew");
      appendFileSync(path, bytes.slice(end, end + Math.ceil(bytes.length / 4)));
    }
    const candidate = await world.fateOf(() => undefined);
    assert.equal(candidate.stage, "published", candidate.reason ?? "");
    assert.equal(candidate.version, 2);
    await server.whenState(MODEL, 2, "ready");
  });
});

describe("a good model that a hand puts into incoming/", () => {
  const rounds: [string, () => Promise<{ azurite: Azurite | null; world: CandidateWorld }>][] = [
    ["of a folder", async () => ({ azurite: null, world: await CandidateWorld.create(null, {}) })],
    [
      "of a blob container",
      async () => {
        const azurite = await startAzurite();
        const location = `${azurite.url}/models/shop`;
        await (await containerOf(azurite)).create();
        const secrets = { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString };
        return { azurite, world: await CandidateWorld.create(location, secrets) };
      },
    ],
  ];
  for (const [name, create] of rounds) {
    it(`${name} is vetted and published, under a name of the project or none`, async () => {
      const { azurite, world } = await create();
      try {
        const put = async (path: string, bytes: Uint8Array) => {
          if (azurite === null) {
            const file = join(world.home, "models/incoming", path);
            mkdirSync(dirname(file), { recursive: true });
            writeFileSync(file, bytes);
          } else {
            const blob = `shop/incoming/${path}`;
            await (await containerOf(azurite)).getBlockBlobClient(blob).uploadData(bytes);
          }
        };
        const champion = await firstVersion(world);
        const better = await world.fateOf(() => put(`${MODEL}/model.onnx`, goodModel(champion)));
        assert.deepEqual([better.stage, better.version], ["published", 2], better.reason ?? "");
        assert.equal(JSON.parse(better.evaluation_json ?? "{}").outcome, "passed");
        const stranger = await world.fateOf(() => put("scaler/anything.onnx", scaleModel(3)));
        assert.deepEqual([stranger.stage, stranger.version], ["published", 1]);
        assert.equal(stranger.evaluation_json, null);
        const { models } = await readIndex(world.repository);
        assert.equal(models[MODEL]?.aliases["champion"], 2);
        assert.equal(models["scaler"]?.aliases["champion"], 1);
        assert.deepEqual(await world.repository.list("incoming/"), []);
      } finally {
        await world.close();
        await azurite?.close();
      }
    });
  }
});

async function containerOf({ url, connectionString }: Azurite) {
  const credentials = { kind: "connection-string", connectionString } as const;
  return (await openContainer(`${url}/models`, credentials)).client;
}
