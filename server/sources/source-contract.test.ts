import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { sha256Hex } from "../../protocols/repository/documents.ts";
import { filePath, INDEX_PATH, manifestPath } from "../../protocols/repository/layout.ts";
import type { Source } from "../models/source.ts";
import { createSource } from "./create-source.ts";
import { RANGE_BYTES } from "./download-file.ts";
import {
  createHome,
  FIXTURES,
  indexOf,
  putIndex,
  putVersion,
  type RepositoryFixture,
  UNBOUNDED,
} from "./testing/repository-fixture.ts";

const never = new AbortController().signal;
const text = (content: string) => new TextEncoder().encode(content);
const quiet = { info: () => undefined, warn: () => undefined };
const HASH = "a".repeat(64);

for (const { name, create } of FIXTURES) {
  describe(`source of a ${name}`, () => {
    let fixture: RepositoryFixture;
    let home: Awaited<ReturnType<typeof createHome>>;
    let source: Source;

    before(async () => {
      if (name === "Azurite") fixture = await create();
    });
    after(async () => {
      if (name === "Azurite") await fixture.close();
    });

    const start = (pause: (point: string) => Promise<void> = async () => undefined) =>
      createSource(fixture.location, {
        home: home.path,
        ...UNBOUNDED,
        azure: fixture.azure,
        pause,
        log: quiet,
      });
    const fetch = (version: number, sha256: string, signal = never) =>
      source.fetch("m", version, sha256, signal);

    beforeEach(async () => {
      // Azurite takes longer to start than to empty: the index is what a source sees of it.
      if (name !== "Azurite") fixture = await create();
      else await fixture.delete(INDEX_PATH).catch(() => undefined);
      home = await createHome();
      source = start();
    });
    afterEach(async () => {
      if (name !== "Azurite") await fixture.close();
      await home.close();
    });

    describe("poll", () => {
      it("gives the wanted set once per change", async () => {
        await putIndex(fixture, {
          schemaVersion: 1,
          generation: 4,
          models: {
            m: {
              versions: { 1: { manifestSha256: HASH }, 12: { manifestSha256: "b".repeat(64) } },
              aliases: { champion: 12, previous: 1 },
            },
          },
          removed: ["gone"],
        });
        assert.deepEqual(await source.poll(never), {
          generation: 4,
          models: new Map([
            [
              "m",
              {
                name: "m",
                versions: new Map([
                  [1, HASH],
                  [12, "b".repeat(64)],
                ]),
                aliases: new Map([
                  ["champion", 12],
                  ["previous", 1],
                ]),
                versionPolicy: null,
              },
            ],
          ]),
          removed: new Set(["gone"]),
        });
        assert.equal(await source.poll(never), null);
        await putIndex(fixture, indexOf(5, { m: { 1: HASH } }));
        assert.equal((await source.poll(never))?.generation, 5);
        assert.equal(await source.poll(never), null);
      });

      it("refuses an index it does not fully understand, and goes on from the next good one", async () => {
        const good = indexOf(1, { m: { 1: HASH } });
        const refused: [object, RegExp][] = [
          [{ ...good, schemaVersion: 2 }, /index\.json: schemaVersion.* got 2/],
          [{ ...good, extra: 1 }, /index\.json: the document has the unknown key 'extra'/],
          [{ ...good, removed: ["m"] }, /'m' stands in both models and removed/],
          [{ ...good, generation: -1 }, /index\.json: generation/],
          [{ ...indexOf(1, {}), models: { "../x": { versions: {}, aliases: {} } } }, /index\.json/],
          [
            { ...good, models: { m: { versions: {}, aliases: { champion: 1 } } } },
            /champion points at version 1/,
          ],
        ];
        for (const [document, message] of refused) {
          await fixture.put(INDEX_PATH, text(JSON.stringify(document)));
          await assert.rejects(source.poll(never), message);
        }
        await fixture.put(INDEX_PATH, text('{"schemaVersion":1,"gener'));
        await assert.rejects(source.poll(never), /index\.json: expected JSON/);
        assert.equal(await source.lastKnown(), null);
        await putIndex(fixture, good);
        assert.equal((await source.poll(never))?.generation, 1);
      });

      it("refuses a version whose hash changed", async () => {
        await putIndex(fixture, indexOf(1, { m: { 1: HASH } }));
        await source.poll(never);
        await putIndex(fixture, indexOf(2, { m: { 1: "b".repeat(64) } }));
        await assert.rejects(source.poll(never), /versions are immutable/);
        await assert.rejects(start().poll(never), /versions are immutable/);
        assert.equal((await source.lastKnown())?.generation, 1);
      });

      it("an index that is gone means unknown, also after a restart", async () => {
        await putIndex(fixture, indexOf(3, { m: { 1: HASH } }));
        await source.poll(never);
        await fixture.delete(INDEX_PATH);
        await assert.rejects(source.poll(never), /index\.json: was there before/);
        await assert.rejects(start().poll(never), /index\.json: was there before/);
      });

      it("an aborted poll rejects", async () => {
        await assert.rejects(source.poll(AbortSignal.abort()));
      });
    });

    describe("lastKnown", () => {
      it("is null at first, and the last good index after a restart without the repository", async () => {
        assert.equal(await source.lastKnown(), null);
        await putIndex(fixture, indexOf(7, { m: { 2: HASH } }));
        await source.poll(never);
        await fixture.delete(INDEX_PATH);
        const known = await start().lastKnown();
        assert.equal(known?.generation, 7);
        assert.deepEqual(known?.models.get("m")?.aliases, new Map([["champion", 2]]));
      });

      it("is null for another repository with the same home, and for a damaged file", async () => {
        await putIndex(fixture, indexOf(7, { m: { 2: HASH } }));
        await source.poll(never);
        const other = createSource(join(home.path, "elsewhere"), {
          home: home.path,
          ...UNBOUNDED,
          azure: fixture.azure,
          pause: async () => undefined,
          log: quiet,
        });
        assert.equal(await other.lastKnown(), null);
        const [kept] = (await readdir(join(home.path, "cache"))).filter((f) =>
          f.startsWith("index-"),
        );
        await writeFile(join(home.path, "cache", String(kept)), "{");
        assert.equal(await start().lastKnown(), null);
      });
    });

    describe("fetch", () => {
      const model = randomBytes(2 * RANGE_BYTES + 1000);

      it("brings every file, and finds the version again offline", async () => {
        const files = { "model.onnx": model, "golden.json": text("{}"), "empty.txt": text("") };
        const { manifestSha256 } = await putVersion(fixture, "m", 1, files);
        const local = await source.fetch("m", 1, manifestSha256, never);
        assert.equal(local.manifestSha256, manifestSha256);
        assert.deepEqual((await readdir(local.directory)).sort(), [
          "empty.txt",
          "golden.json",
          "manifest.json",
          "model.onnx",
        ]);
        assert.ok(model.equals(await readFile(join(local.directory, "model.onnx"))));
        for (const file of Object.keys(files)) await fixture.delete(filePath("m", 1, file));
        await fixture.delete(manifestPath("m", 1));
        assert.deepEqual(await fetch(1, manifestSha256), local);
        source = start();
        assert.deepEqual(await fetch(1, manifestSha256), local);
      });

      it("fetches again what was damaged in the cache", async () => {
        const { manifestSha256 } = await putVersion(fixture, "m", 2, { "model.onnx": model });
        const { directory } = await fetch(2, manifestSha256);
        await truncate(join(directory, "model.onnx"), 10);
        await fetch(2, manifestSha256);
        assert.equal((await stat(join(directory, "model.onnx"))).size, model.byteLength);
      });

      it("refuses bit-flipped, torn, longer and swapped files, naming file and hashes", async () => {
        const flipped = Buffer.from(model);
        flipped[RANGE_BYTES] = (flipped[RANGE_BYTES] ?? 0) ^ 1;
        const swapped = randomBytes(model.byteLength);
        const path = "models/m/versions/3/model.onnx";
        const { manifestSha256 } = await putVersion(fixture, "m", 3, { "model.onnx": model });
        for (const bytes of [flipped, swapped]) {
          await fixture.put(path, bytes);
          await assert.rejects(fetch(3, manifestSha256), {
            message: `${path}: expected sha256 ${sha256Hex(model)}, got ${sha256Hex(bytes)}`,
          });
        }
        for (const bytes of [model.subarray(0, 100), Buffer.concat([model, model])]) {
          await fixture.put(path, bytes);
          await assert.rejects(fetch(3, manifestSha256), {
            message: `${path}: expected ${model.byteLength} bytes, got ${bytes.byteLength}`,
          });
        }
        await fixture.delete(path);
        await assert.rejects(fetch(3, manifestSha256), /3\/model\.onnx: is not there/);
        assert.deepEqual(await readdir(join(home.path, "cache", "versions")), []);
        await fixture.put(path, model);
        await fetch(3, manifestSha256);
      });

      it("refuses a manifest that is not the one of the index", async () => {
        const { manifestSha256 } = await putVersion(fixture, "m", 4, { "model.onnx": model });
        await fixture.put(manifestPath("m", 4), text("{}\n"));
        await assert.rejects(fetch(4, manifestSha256), {
          message: `models/m/versions/4/manifest.json: expected sha256 ${manifestSha256} (index.json), got ${sha256Hex(text("{}\n"))}`,
        });
      });

      it("refuses manifests of another version, with paths that lead out, or taken names", async () => {
        const small = { "model.onnx": text("m") };
        const refused: [Parameters<typeof putVersion>[4], RegExp][] = [
          [(m) => ({ ...m, version: 99 }), /is the manifest of m version 99/],
          [(m) => ({ ...m, model: "other" }), /is the manifest of other version 5/],
          [(m) => ({ ...m, files: [{ ...m.files[0], path: "../../x" }] }), /files\.0\.path/],
          [
            (m) => ({ ...m, files: [...m.files, { ...m.files[0], path: "/etc/x" }] }),
            /files\.1\.path/,
          ],
          [(m) => ({ ...m, files: [...m.files, ...m.files] }), /files holds a path twice/],
          [
            (m) => ({ ...m, files: [...m.files, { ...m.files[0], path: "MODEL.onnx" }] }),
            /files holds a path twice/,
          ],
          [
            (m) => ({ ...m, files: [...m.files, { ...m.files[0], path: "manifest.json" }] }),
            /files holds 'manifest\.json'/,
          ],
          [
            (m) => ({ ...m, files: [{ ...m.files[0], path: "x.onnx" }] }),
            /files lacks 'model\.onnx'/,
          ],
          [(m) => ({ ...m, surprise: 1 }), /unknown key 'surprise'/],
        ];
        for (const [change, message] of refused) {
          const { manifestSha256 } = await putVersion(fixture, "m", 5, small, change);
          await assert.rejects(fetch(5, manifestSha256), message);
        }
      });

      it("stops between ranges when aborted, and goes on from there", async () => {
        const { manifestSha256 } = await putVersion(fixture, "m", 6, { "model.onnx": model });
        const controller = new AbortController();
        source = start(async (point) => {
          if (point === "downloading") controller.abort();
        });
        await assert.rejects(fetch(6, manifestSha256, controller.signal), { name: "AbortError" });
        const partial = join(home.path, "cache", `.tmp-${manifestSha256}`, "model.onnx");
        assert.equal((await stat(partial)).size, RANGE_BYTES);
        source = start();
        const { directory } = await fetch(6, manifestSha256);
        assert.ok(model.equals(await readFile(join(directory, "model.onnx"))));
      });
    });
  });
}
