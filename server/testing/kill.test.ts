import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { verifyAuditLog } from "../access/verify-audit-log.ts";
import { assertCacheWhole, leftovers } from "./cache-check.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import {
  childrenOf,
  isDead,
  killLeftRunning,
  type ServeProcess,
  spawnSluice,
  startServe,
  until,
} from "./serve-process.ts";
import { rowOf } from "./steady-load.ts";
import { scaleModel, slowModel } from "./tiny-models.ts";

/** Where it is killed while version 2 comes up; version 1 has passed the later ones before. */
const SERVE_POINTS = ["downloading", "verifying", "vetting:2", "loading:2", "publishing:2"];
const PUBLISH_POINTS = ["claimed", "uploaded", "described"];
/** Node and the runtime have started by then. */
const MODEL_RUNS_TICKS = 150;
const TORN_LINE = '{"seq":99,"at":"20';

let root = "";
/** Copied for each test: version 1 of "scale" in the repository, vetted and in the cache. */
let served = "";
before(async () => {
  root = mkdtempSync(join(tmpdir(), "sluice-kill-"));
  served = join(root, "served");
  await publishTiny(openStore(join(served, "models")), "scale", scaleModel(2));
  const server = await startServe(served);
  await server.whenState("scale", 1, "ready");
  await stopCleanly(server);
  mkdirSync(tempOf(served).TMPDIR);
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

describe("kill -9 of sluice serve", () => {
  for (const point of SERVE_POINTS) {
    it(`at ${point}: the restarted server swaps to version 2`, async (t) => {
      const home = await killAt(point);
      const server = await startServe(home, [], tempOf(home));
      const readyMs = await server.whenReady();
      t.diagnostic(`ready ${Math.round(readyMs)} ms after the restart`);
      assert.match(await versionOf(server), /^[12]$/, "the first answer");
      await whenServes(server, "2");
      assert.equal(assertCacheWhole(home), 2);
      assert.deepEqual(leftovers(home), []);
      await stopCleanly(server);
      await assertAudited(home);
    });
  }

  for (const point of SERVE_POINTS) {
    it(`at ${point}, the repository away: serves from the cache until it is back`, async (t) => {
      const home = await killAt(point);
      const models = join(home, "models");
      renameSync(models, join(home, "away"));
      // A crash of the machine can tear what was being written.
      appendFileSync(join(home, "audit.jsonl"), TORN_LINE);
      const server = await startServe(home, ["--repository-poll-secs", "0.2"], tempOf(home));
      const readyMs = await server.whenReady();
      t.diagnostic(`ready ${Math.round(readyMs)} ms after the restart, offline`);
      // What was not verified before the kill is not there now.
      const isCached = point !== "downloading" && point !== "verifying";
      if (isCached) await whenServes(server, "2");
      else assert.equal(await versionOf(server), "1");
      renameSync(join(home, "away"), models);
      await whenServes(server, "2");
      assert.equal(assertCacheWhole(home), 2);
      assert.deepEqual(leftovers(home), []);
      await stopCleanly(server);
      await assertAudited(home);
      assert.match(readFileSync(join(home, "audit.jsonl"), "utf8"), /"audit\.repair"/);
    });
  }

  it("while a model runs in the vetting child: the child ends by itself", async (t) => {
    const home = homeWithVersion1();
    const store = openStore(join(home, "models"));
    const server = await startServe(home, [], tempOf(home));
    await server.whenState("scale", 1, "ready");
    // One run takes several seconds, and nothing interrupts a native call.
    await publishTiny(store, "slow", slowModel(5000));
    const child = await vettingChild(server);
    await until("the model runs", () => cpuTicks(child) > MODEL_RUNS_TICKS);
    server.kill("SIGKILL");
    await server.ended;
    const killedMs = performance.now();
    await until("the vetting child ends", () => isDead(child));
    const endedMs = performance.now() - killedMs;
    t.diagnostic(`the vetting child outlived the server by ${Math.round(endedMs)} ms`);
    assert.ok(endedMs < 2000, `${endedMs} ms`);
    assert.deepEqual(leftovers(home), []);
    assert.deepEqual(readdirSync(tempOf(home).TMPDIR), []);
  });
});

describe("kill -9 of sluice publish", () => {
  for (const point of PUBLISH_POINTS) {
    it(`at ${point}: the index is as before, and the next publish works`, async () => {
      const home = homeWithVersion1();
      const indexPath = join(home, "models", "index.json");
      const index = readFileSync(indexPath);
      const model = join(home, "model.onnx");
      writeFileSync(model, scaleModel(3));
      const args = ["publish", model, "--model", "scale", "--home", home];
      const publisher = spawnSluice(args, { SLUICE_TEST_PAUSE: point });
      await publisher.whenSaid(new RegExp(`^paused at ${point}$`, "m"));
      publisher.kill("SIGKILL");
      await publisher.ended;
      assert.deepEqual(readFileSync(indexPath), index);
      const server = await startServe(home);
      await server.whenState("scale", 1, "ready");
      const next = spawnSluice(args);
      assert.equal((await next.ended).code, 0, next.stderr);
      assert.match(next.stdout, /^published scale version 3 \(champion, was 1\), generation 2$/m);
      await whenServes(server, "3");
      await stopCleanly(server);
    });
  }
});

function homeWithVersion1(): string {
  const home = mkdtempSync(join(root, "home-"));
  cpSync(served, home, { recursive: true });
  return home;
}

/** Serves version 1, publishes version 2, and kills the server where version 2 has come to. */
async function killAt(point: string): Promise<string> {
  const home = homeWithVersion1();
  const env = { SLUICE_TEST_PAUSE: point, ...tempOf(home) };
  const server = await startServe(home, ["--repository-poll-secs", "0.2"], env);
  await server.whenState("scale", 1, "ready");
  await publishTiny(openStore(join(home, "models")), "scale", scaleModel(3));
  await server.whenSaid(/^paused at /m);
  assert.equal(await versionOf(server), "1", "it serves while it pauses");
  const children = childrenOf(server.pid);
  server.kill("SIGKILL");
  assert.equal((await server.ended).signal, "SIGKILL");
  for (const child of children) await until("no child outlives it", () => isDead(child));
  assertCacheWhole(home);
  return home;
}

function tempOf(home: string): { TMPDIR: string } {
  return { TMPDIR: join(home, "temp") };
}

async function vettingChild(server: ServeProcess): Promise<number> {
  await server.whenState("slow", 1, "vetting");
  await until("a vetting child", () => childrenOf(server.pid).length > 0);
  return childrenOf(server.pid)[0] as number;
}

/** User time, in ticks of 10 ms. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[11]);
}

/** The log tells of a state just before the serving threads hear of it. */
async function whenServes(server: ServeProcess, version: string): Promise<void> {
  await server.whenState("scale", Number(version), "ready");
  await until(`version ${version} answers`, async () => (await versionOf(server)) === version);
}

async function versionOf(server: ServeProcess): Promise<string> {
  const client = server.http();
  try {
    const input = { inputs: [rowOf(1, 2, 3, 4)], outputs: null };
    const { modelVersion, outputs } = await client.infer({ name: "scale", version: null }, input);
    const factor = modelVersion === "1" ? 2 : 3;
    assert.deepEqual(outputs[0]?.data, Float32Array.from([1, 2, 3, 4].map((x) => x * factor)));
    return String(modelVersion);
  } finally {
    await client.close();
  }
}

async function stopCleanly(server: ServeProcess): Promise<void> {
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0, server.stderr);
}

async function assertAudited(home: string): Promise<void> {
  const verdict = await verifyAuditLog(join(home, "audit.jsonl"));
  assert.equal(verdict.brokenAt, null);
}
