import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type CachedVersion, chooseSurplus } from "./cache-trim.ts";
import { createSource } from "./create-source.ts";
import {
  createDirectoryFixture,
  createHome,
  indexOf,
  putIndex,
  putVersion,
  type RepositoryFixture,
} from "./testing/repository-fixture.ts";

const never = new AbortController().signal;
const BYTES = 10_000;

describe("what goes from a cache that is too large", () => {
  const cached = (manifestSha256: string, usedMs: number): CachedVersion => ({
    ...{ manifestSha256, usedMs, bytes: 10 },
  });
  const all = [cached("new", 3), cached("old", 1), cached("middle", 2)];
  const namesOf = (kept: string[], maxBytes: number) =>
    chooseSurplus(all, new Set(kept), maxBytes).map(({ manifestSha256 }) => manifestSha256);

  it("is the longest unused first, no more than needed, and never what is kept", () => {
    assert.deepEqual(namesOf([], 30), []);
    assert.deepEqual(namesOf([], 29), ["old"]);
    assert.deepEqual(namesOf(["old"], 20), ["middle"]);
    assert.deepEqual(namesOf(["old", "middle", "new"], 1), []);
    assert.deepEqual(namesOf([], 0), ["old", "middle", "new"]);
  });
});

describe("the cache on the disk", () => {
  let fixture: RepositoryFixture;
  let home: Awaited<ReturnType<typeof createHome>>;
  let held: number[];
  beforeEach(async () => {
    fixture = await createDirectoryFixture();
    home = await createHome();
    held = [];
  });
  afterEach(async () => {
    await fixture.close();
    await home.close();
  });
  const start = (maxCacheBytes: number) =>
    createSource(fixture.location, {
      ...{ home: home.path, azure: fixture.azure, maxCacheBytes },
      held: () => held.map((version) => ({ model: "m", version })),
      pause: async () => undefined,
      log: { info: () => undefined, warn: () => undefined },
    });
  const versions = async () => (await readdir(join(home.path, "cache", "versions"))).sort();
  const put = (version: number) =>
    putVersion(fixture, "m", version, { "model.onnx": randomBytes(BYTES) });

  it("stays below its limit, but for what is loaded or wanted", async () => {
    const source = start(2.5 * BYTES);
    const shas: string[] = [];
    for (const version of [1, 2, 3, 4]) {
      const { manifestSha256 } = await put(version);
      shas.push(manifestSha256);
      held = [1];
      const known = Object.fromEntries(shas.map((sha, i) => [i + 1, sha]));
      await putIndex(fixture, indexOf(version, { m: known }));
      await source.poll(never);
      await source.fetch("m", version, manifestSha256, never);
    }
    assert.deepEqual(await versions(), [shas[0], shas[3]].sort());
    held = [1, 2, 3, 4];
    for (const [i, sha] of shas.entries()) await source.fetch("m", i + 1, sha, never);
    assert.equal((await versions()).length, 4);
  });

  it("0: it has no limit", async () => {
    const source = start(0);
    for (const version of [1, 2, 3]) {
      await source.fetch("m", version, (await put(version)).manifestSha256, never);
    }
    assert.equal((await versions()).length, 3);
  });

  it("at start, leftovers go but for downloads of what the repository still has", async () => {
    const { manifestSha256 } = await put(1);
    await putIndex(fixture, indexOf(1, { m: { 1: manifestSha256 } }));
    const cache = join(home.path, "cache");
    for (const name of [manifestSha256, "f".repeat(64), `deleted-${"e".repeat(64)}`]) {
      await mkdir(join(cache, `.tmp-${name}`), { recursive: true });
    }
    await start(0).poll(never);
    const left = (await readdir(cache)).filter((name) => name.startsWith(".tmp-"));
    assert.deepEqual(left, [`.tmp-${manifestSha256}`]);
  });

  it("a file that rotted is fetched again by the next process that needs it", async () => {
    const { manifestSha256 } = await put(1);
    const { directory } = await start(0).fetch("m", 1, manifestSha256, never);
    const path = join(directory, "model.onnx");
    const whole = await readFile(path);
    const rotten = Buffer.from(whole);
    rotten[5000] = (rotten[5000] as number) ^ 1;
    await writeFile(path, rotten);
    await start(0).fetch("m", 1, manifestSha256, never);
    assert.ok(whole.equals(await readFile(path)));
  });
});
