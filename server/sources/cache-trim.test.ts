import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type CachedVersion, chooseSurplus, listCached } from "./cache-trim.ts";
import { createSource } from "./create-source.ts";
import { DirectoryReader } from "./directory-reader.ts";
import { RepositorySource } from "./repository-source.ts";
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
  let held: string[];
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
      held: () => held,
      pause: async () => undefined,
      log: { info: () => undefined, warn: () => undefined },
    });
  /** Its cache lies on a disk of `capacity` bytes. */
  const startOnDisk = (capacity: number) => {
    const { location } = fixture;
    const freeBytes = async () => {
      const cached = await listCached(join(home.path, "cache"));
      return capacity - cached.reduce((sum, { bytes }) => sum + bytes, 0);
    };
    const reader = new DirectoryReader(location);
    return new RepositorySource(
      {
        ...{ reader, location, home: home.path, maxCacheBytes: 0, held: () => held },
        pause: async () => undefined,
        log: { info: () => undefined, warn: () => undefined },
      },
      { freeBytes },
    );
  };
  const partials = async () => {
    const names = await readdir(join(home.path, "cache"));
    return names.filter((name) => name.startsWith(".tmp-")).sort();
  };
  const versions = async () => (await readdir(join(home.path, "cache", "versions"))).sort();
  const put = (version: number) =>
    putVersion(fixture, "m", version, { "model.onnx": randomBytes(BYTES) });

  it("stays below its limit, but for what is loaded or wanted", async () => {
    const source = start(2.5 * BYTES);
    const shas: string[] = [];
    for (const version of [1, 2, 3, 4]) {
      const { manifestSha256 } = await put(version);
      shas.push(manifestSha256);
      held = [shas[0] as string];
      const known = Object.fromEntries(shas.map((sha, i) => [i + 1, sha]));
      await putIndex(fixture, indexOf(version, { m: known }));
      await source.poll(never);
      await source.fetch("m", version, manifestSha256, never);
    }
    assert.deepEqual(await versions(), [shas[0], shas[3]].sort());
    held = shas;
    for (const [i, sha] of shas.entries()) await source.fetch("m", i + 1, sha, never);
    assert.equal((await versions()).length, 4);
  });

  it("what is loaded stays, also when the repository has it no more or has another by its number", async () => {
    const { manifestSha256: loaded } = await put(1);
    const { manifestSha256: other } = await putVersion(fixture, "n", 1, {
      "model.onnx": randomBytes(BYTES),
    });
    await putIndex(fixture, indexOf(1, { m: { 1: loaded }, n: { 1: other } }));
    const source = start(1);
    await source.poll(never);
    held = [loaded];
    await source.fetch("m", 1, loaded, never);
    await putIndex(fixture, indexOf(2, { n: { 1: other } }));
    await source.poll(never);
    await source.fetch("n", 1, other, never);
    assert.deepEqual(await versions(), [loaded, other].sort());
  });

  it("gives way on a full disk, as far as nothing needs it and where that helps", async () => {
    const source = startOnDisk(3 * BYTES);
    const [first, second, third] = [await put(1), await put(2), await put(3)];
    held = [first.manifestSha256];
    await source.fetch("m", 1, first.manifestSha256, never);
    await source.fetch("m", 2, second.manifestSha256, never);
    const full = /needs 11000 bytes of disk in the cache, \d+ are free/;
    held = [first.manifestSha256, second.manifestSha256];
    await assert.rejects(source.fetch("m", 3, third.manifestSha256, never), full);
    assert.equal((await versions()).length, 2);
    held = [first.manifestSha256];
    const large = await putVersion(fixture, "m", 4, { "model.onnx": randomBytes(3 * BYTES) });
    await assert.rejects(source.fetch("m", 4, large.manifestSha256, never), /needs 33000 bytes/);
    assert.equal((await versions()).length, 2);
    await source.fetch("m", 3, third.manifestSha256, never);
    assert.deepEqual(await versions(), [first.manifestSha256, third.manifestSha256].sort());
  });

  it("leftovers of what the repository has no more go with the next reading", async () => {
    const { manifestSha256 } = await put(1);
    await putIndex(fixture, indexOf(1, { m: { 1: manifestSha256 } }));
    const source = start(0);
    await source.poll(never);
    held = ["d".repeat(64)];
    for (const key of [manifestSha256, "f".repeat(64), ...held]) {
      await mkdir(join(home.path, "cache", `.tmp-${key}`), { recursive: true });
    }
    await putIndex(fixture, indexOf(2, { m: { 1: manifestSha256 } }));
    await source.poll(never);
    assert.deepEqual(await partials(), [`.tmp-${held[0]}`, `.tmp-${manifestSha256}`].sort());
  });

  it("a download under way keeps its folder when the repository takes its version away", async () => {
    const { manifestSha256 } = await put(1);
    await putIndex(fixture, indexOf(1, { m: { 1: manifestSha256 } }));
    let isAway = false;
    const source = createSource(fixture.location, {
      ...{ home: home.path, azure: fixture.azure, maxCacheBytes: 0, held: () => [] },
      pause: async () => {
        if (isAway) return;
        isAway = true;
        await putIndex(fixture, indexOf(2, {}));
        assert.equal((await source.poll(never))?.generation, 2);
      },
      log: { info: () => undefined, warn: () => undefined },
    });
    await source.poll(never);
    await source.fetch("m", 1, manifestSha256, never);
    assert.ok(isAway);
    assert.deepEqual(await versions(), [manifestSha256]);
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
    assert.deepEqual(await partials(), [`.tmp-${manifestSha256}`]);
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
