import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { runExplainModel } from "../commands/explain-model.ts";
import type { AdminExplanation } from "../transport/admin/admin-view.ts";
import { ask } from "../transport/testing/clients.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { spawnSluice } from "./serve-process.ts";
import { needs } from "./skip.ts";
import { badOpModel, scaleModel } from "./tiny-models.ts";

const PATH = "/v2/models/scale/infer";
const BODY = JSON.stringify({
  inputs: [{ name: "x", datatype: "FP32", shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] }],
});

async function explain(
  port: number,
  version: string | null = null,
  model = "scale",
): Promise<AdminExplanation> {
  const said: string[] = [];
  const url = `http://127.0.0.1:${port}`;
  const sink = { write: (part: string) => said.push(part) };
  await runExplainModel({ model, version, url, apiKey: null, isJson: true }, sink);
  return JSON.parse(said.join("")) as AdminExplanation;
}

/** Why a served model does what it does, asked of the real server as `sluice explain` asks. */
describe("sluice explain --model", () => {
  let server: ScenarioServer;
  before(async () => {
    server = await startScenario({ threads: "2", inlineBudgetUs: "0", repositoryPollSecs: "1" });
    const store = openStore(server.repository);
    await publishTiny(store, "scale", scaleModel(2));
    await server.whenState("scale", 1, "ready");
    await publishTiny(store, "scale", badOpModel(), { alias: "next" });
    await server.whenState("scale", 2, "failed");
    for (let i = 0; i < 5; i += 1) {
      const { status } = await ask(server.endpoints.httpPort, PATH, { body: BODY });
      assert.equal(status, 200);
    }
  });
  after(async () => {
    await server.stop();
  });

  it("tells of every loaded version, all threads, the slowest requests, and what is not loaded", async () => {
    const { loaded, notLoaded, inlineBudgetUs } = await explain(server.endpoints.adminPort);
    assert.equal(inlineBudgetUs, 0);
    assert.equal(loaded.length, 1);
    const [version] = loaded;
    assert.ok(version !== undefined);
    assert.deepEqual(version.id, { model: "scale", version: 1 });
    assert.equal(version.inFlight, 0);
    assert.equal(version.silentThreads, 0);
    assert.deepEqual(
      version.threads.map(({ thread }) => thread),
      ["grpc-2", "http-0", "http-1"],
    );
    const slowest = version.threads.flatMap((each) => each.slowest);
    assert.equal(slowest.length, 5);
    for (const each of slowest) {
      assert.equal(each.rows, 2);
      assert.ok(each.totalMs >= each.computeMs && each.inferenceId.length > 0);
      assert.ok(Math.abs(each.endEpochMs - Date.now()) < 600_000);
    }
    assert.equal(
      version.batches.reduce((sum, { count }) => sum + count, 0),
      5,
    );
    assert.equal(version.meanBatchRows, 2);
    assert.ok(version.totalMs !== null && version.totalMs.p50 <= version.totalMs.p99);
    assert.deepEqual(
      notLoaded.map(({ version: number, state }) => [number, state]),
      [[2, "failed"]],
    );
  });

  it("says where requests of a shape run and why", needs("compiler"), async () => {
    const { loaded } = await explain(server.endpoints.adminPort);
    const classes = loaded.flatMap(({ threads }) => threads.flatMap((each) => each.classes));
    assert.ok(classes.length > 0);
    for (const each of classes) {
      assert.deepEqual(each.shapes, [[-1, 4]]);
      assert.equal(each.placement, "engine");
      assert.equal(each.reason, "off");
    }
  });

  it("tells of one version by number or alias, and refuses what it does not know", async () => {
    const { adminPort } = server.endpoints;
    for (const version of ["1", "champion"]) {
      const { loaded, notLoaded } = await explain(adminPort, version);
      assert.deepEqual([loaded.length, notLoaded.length], [1, 0]);
    }
    await assert.rejects(explain(adminPort, "9"), /^Error: version-not-found: /);
    await assert.rejects(explain(adminPort, null, "none"), /^Error: model-not-found: /);
    await assert.rejects(explain(server.endpoints.httpPort), /^Error: route-not-found: /);
    await assert.rejects(explain(1), /^Error: unavailable: /);
  });

  it("is a command that people can read", async () => {
    const url = `http://127.0.0.1:${server.endpoints.adminPort}`;
    const child = spawnSluice(["explain", "--model", "scale", "--url", url]);
    assert.equal((await child.ended).code, 0, child.stderr);
    assert.match(child.stdout, /^scale@1: 0 of \d+ requests in flight/);
    assert.match(child.stdout, /batches {2}5, of 2 rows on average/);
    assert.match(child.stdout, /^scale@2: failed, /m);
  });
});
