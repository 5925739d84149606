import assert from "node:assert/strict";
import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  FIXTURES,
  type RepositoryFixture,
} from "../../server/sources/testing/repository-fixture.ts";
import { createStore } from "./create-store.ts";
import type { RepositoryStore } from "./repository-store.ts";

const text = (content: string) => new TextEncoder().encode(content);
const LIMIT = 1_000_000;

for (const { name, create } of FIXTURES) {
  describe(`store in a ${name}`, () => {
    let fixture: RepositoryFixture;
    let store: RepositoryStore;

    before(async () => {
      fixture = await create();
      store = createStore(fixture.location, fixture.azure);
    });
    after(() => fixture.close());

    const readText = async (path: string) => {
      const stored = await store.read(path, LIMIT);
      return stored === null ? null : Buffer.from(stored.bytes).toString();
    };

    it("reads null for what is not there", async () => {
      assert.equal(await store.read("a/b/none", LIMIT), null);
    });

    it("stamps a file anew when it changes, and no other", async () => {
      assert.equal(await store.stamp("stamped"), null);
      await store.replace("stamped", text("1"), null);
      const one = await store.stamp("stamped");
      await store.create("beside", text("1"));
      assert.equal(await store.stamp("stamped"), one);
      const etag = (await store.read("stamped", LIMIT))?.etag ?? "";
      await store.replace("stamped", text("2"), etag);
      assert.ok(one !== null && (await store.stamp("stamped")) !== one);
      await store.remove("stamped");
      assert.equal(await store.stamp("stamped"), null);
    });

    it("refuses to read more than it was allowed", async () => {
      await store.create("large", text("12345"));
      await assert.rejects(store.read("large", 4), {
        name: "StoreError",
        message: "large: has 5 bytes, more than 4",
      });
    });

    it("creates once, and keeps what was there", async () => {
      assert.equal(await store.create("a/b/once", text("first")), true);
      assert.equal(await store.create("a/b/once", text("second")), false);
      assert.equal(await readText("a/b/once"), "first");
    });

    it("of many that create the same path one wins", async () => {
      const tries = Array.from({ length: 10 }, (_, i) => store.create("a/race", text(String(i))));
      const won = (await Promise.all(tries)).flatMap((isMine, i) => (isMine ? [String(i)] : []));
      assert.equal(won.length, 1);
      assert.equal(await readText("a/race"), won[0]);
    });

    it("replaces only what it read", async () => {
      assert.equal(await store.replace("doc", text("1"), null), true);
      assert.equal(await store.replace("doc", text("x"), null), false);
      const one = await store.read("doc", LIMIT);
      assert.equal(await store.replace("doc", text("2"), one?.etag ?? ""), true);
      assert.equal(await store.replace("doc", text("x"), one?.etag ?? ""), false);
      assert.equal(await readText("doc"), "2");
    });

    it("of many that replace the same reading one wins", async () => {
      await store.replace("doc-race", text("0"), null);
      const etag = (await store.read("doc-race", LIMIT))?.etag ?? "";
      const tries = Array.from({ length: 10 }, (_, i) =>
        store.replace("doc-race", text(`by ${i}`), etag),
      );
      const won = (await Promise.all(tries)).flatMap((isMine, i) => (isMine ? [`by ${i}`] : []));
      assert.equal(won.length, 1);
      assert.equal(await readText("doc-race"), won[0]);
    });

    it("replaces nothing that is not there", async () => {
      assert.equal(await store.replace("absent", text("x"), '"some-etag"'), false);
      assert.equal(await store.read("absent", LIMIT), null);
    });
  });
}

describe("store in a directory", () => {
  let fixture: RepositoryFixture;
  let store: RepositoryStore;
  before(async () => {
    fixture = await FIXTURES[0].create();
    store = createStore(join(fixture.location, "made", "on", "demand"), fixture.azure);
  });
  after(() => fixture.close());

  it("makes its folder, and leaves no lock or partial file behind", async () => {
    await store.replace("index.json", text("1"), null);
    const folder = join(fixture.location, "made", "on", "demand");
    assert.deepEqual(await readdir(folder), ["index.json"]);
  });

  it("takes over the lock of a publisher that died, and no other", async () => {
    const folder = join(fixture.location, "made", "on", "demand");
    await mkdir(folder, { recursive: true });
    const lock = join(folder, "locked.lock");
    await writeFile(lock, "a dead publisher's token");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    // Several find the stale lock at once; the swap must still be one at a time.
    const tries = Array.from({ length: 8 }, (_, i) => store.replace("locked", text(`${i}`), null));
    assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
    const left = (await readdir(folder)).filter((file) => file.startsWith("locked"));
    assert.deepEqual(left, ["locked"]);
  });

  it("does not write when its lock was taken away meanwhile", async () => {
    const { withFileLock } = await import("./file-lock.ts");
    const lock = join(fixture.location, "mine.lock");
    await assert.rejects(
      withFileLock(lock, "mine", async (assertHeld) => {
        await writeFile(lock, "another's token");
        await assertHeld();
      }),
      /mine: the lock was lost/,
    );
    assert.equal(await readFile(lock, "utf8"), "another's token");
  });
});

it("Azure: a container that is not there is named as the likely cause", async (t) => {
  const fixture = await FIXTURES[1].create();
  t.after(fixture.close);
  const store = createStore(fixture.location.replace("/models-", "/other-"), fixture.azure);
  assert.equal(await store.read("index.json", LIMIT), null);
  await assert.rejects(store.create("x", text("x")), {
    name: "StoreError",
    message: "x: HTTP 404 ContainerNotFound; is the container there?",
  });
});
