import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { filePath } from "../../protocols/repository/layout.ts";
import { AzureBlobReader } from "./azure-blob-reader.ts";
import { DirectoryReader } from "./directory-reader.ts";
import { RANGE_BYTES } from "./download-file.ts";
import type { Range, RepositoryReader } from "./repository-reader.ts";
import { RepositorySource, type RepositorySourceLimits } from "./repository-source.ts";
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
const quiet = { info: () => undefined, warn: () => undefined };

/** A reader that counts, and lets a test act before a range is read. */
class WatchedReader implements RepositoryReader {
  readonly #inner: RepositoryReader;
  bytesRead = 0;
  ranges = 0;
  /** Memory that ranges were read into. */
  readonly memory = new Set<ArrayBufferLike>();
  beforeRange: (number: number) => Promise<void> = async () => undefined;

  constructor(inner: RepositoryReader) {
    this.#inner = inner;
  }
  get description() {
    return this.#inner.description;
  }
  readIfChanged(path: string, etag: string | null, maxBytes: number, signal: AbortSignal) {
    return this.#inner.readIfChanged(path, etag, maxBytes, signal);
  }
  async readRange(
    path: string,
    offset: number,
    into: Uint8Array,
    etag: string | null,
    signal: AbortSignal,
  ): Promise<Range> {
    this.ranges += 1;
    this.memory.add(into.buffer);
    await this.beforeRange(this.ranges);
    const range = await this.#inner.readRange(path, offset, into, etag, signal);
    this.bytesRead += range.bytes.byteLength;
    return range;
  }
  listRoot(signal: AbortSignal) {
    return this.#inner.listRoot(signal);
  }
  listFiles(signal: AbortSignal) {
    return this.#inner.listFiles(signal);
  }
  watch(wake: () => void) {
    return this.#inner.watch(wake);
  }
}

const model = randomBytes(3 * RANGE_BYTES + 10);

for (const { name, create } of FIXTURES) {
  describe(`downloads from a ${name}`, () => {
    let fixture: RepositoryFixture;
    let home: Awaited<ReturnType<typeof createHome>>;
    let reader: WatchedReader;

    beforeEach(async () => {
      fixture = await create();
      home = await createHome();
      const isAzure = fixture.azure.kind === "connection-string";
      reader = new WatchedReader(
        isAzure
          ? new AzureBlobReader(fixture.location, fixture.azure)
          : new DirectoryReader(fixture.location),
      );
    });
    afterEach(async () => {
      await fixture.close();
      await home.close();
    });

    const start = (limits: Partial<RepositorySourceLimits> = {}) =>
      new RepositorySource(
        {
          reader,
          home: home.path,
          ...UNBOUNDED,
          location: fixture.location,
          pause: async () => undefined,
          log: quiet,
        },
        limits,
      );
    const fetch = (source: RepositorySource, sha256: string) => source.fetch("m", 1, sha256, never);

    it("a broken download goes on where it stopped, in a new process too", async () => {
      const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": model });
      reader.beforeRange = async (number) => {
        if (number === 3) throw new Error("the line is cut");
      };
      await assert.rejects(fetch(start(), manifestSha256), /the line is cut/);
      assert.equal(reader.bytesRead, 2 * RANGE_BYTES);
      reader.bytesRead = 0;
      await fetch(start(), manifestSha256);
      assert.equal(reader.bytesRead, model.byteLength - 2 * RANGE_BYTES);
    });

    it("versions one after another are read through the same memory", async () => {
      const source = start();
      for (const version of [1, 2]) {
        const bytes = randomBytes(RANGE_BYTES + version);
        const { manifestSha256 } = await putVersion(fixture, "m", version, { "model.onnx": bytes });
        const { directory } = await source.fetch("m", version, manifestSha256, never);
        assert.ok(bytes.equals(await readFile(join(directory, "model.onnx"))));
      }
      assert.equal(reader.ranges, 4);
      assert.equal(reader.memory.size, 1);
    });

    it("a partial file that went bad is fetched whole once more", async () => {
      const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": model });
      const partial = join(home.path, "cache", `.tmp-${manifestSha256}`);
      await mkdir(partial, { recursive: true });
      await writeFile(join(partial, "model.onnx"), randomBytes(RANGE_BYTES));
      await fetch(start(), manifestSha256);
      assert.equal(reader.bytesRead, 2 * model.byteLength - RANGE_BYTES);
    });

    it("a file that changes between two ranges is never mixed", async () => {
      const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": model });
      const path = filePath("m", 1, "model.onnx");
      reader.beforeRange = async (number) => {
        if (number !== 2) return;
        await rm(join(fixture.location, path), { force: true });
        await fixture.put(path, randomBytes(model.byteLength));
      };
      await assert.rejects(fetch(start(), manifestSha256), (error: Error) => {
        assert.match(
          error.message,
          /^models\/m\/versions\/1\/model\.onnx: changed while it was read/,
        );
        return true;
      });
      const left = await readdir(join(home.path, "cache"));
      assert.deepEqual(left, ["versions"]);
      await fixture.put(path, model);
      await fetch(start(), manifestSha256);
    });

    it("refuses a version that is too large or does not fit the disk, before its first byte", async () => {
      const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": model });
      const capped = start({ maxVersionBytes: model.byteLength - 1 });
      await assert.rejects(
        fetch(capped, manifestSha256),
        /manifest\.json: its files have \d+ bytes/,
      );
      const full = start({ freeBytes: async () => model.byteLength });
      await assert.rejects(fetch(full, manifestSha256), /needs \d+ bytes of disk .* are free/);
      assert.equal(reader.ranges, 0);
      const fits = start({ freeBytes: async () => Math.ceil(model.byteLength * 1.1) });
      await fetch(fits, manifestSha256);
    });

    it("an index that cannot be kept is still served", async () => {
      await writeFile(join(home.path, "cache"), "a file where the folder should be");
      await putIndex(fixture, indexOf(1, {}));
      const source = start();
      await assert.rejects(source.lastKnown().then(assert.ok));
      assert.equal((await source.poll(never))?.generation, 1);
    });

    it("a root that never had an index is empty, once", async () => {
      if (name === "directory") await mkdir(join(fixture.location, "models"));
      const source = start();
      assert.deepEqual(await source.poll(never), {
        generation: 0,
        models: new Map(),
        removed: new Set(),
      });
      assert.equal(await source.poll(never), null);
      await putIndex(fixture, indexOf(1, {}));
      assert.equal((await source.poll(never))?.generation, 1);
      await fixture.delete("index.json");
      await assert.rejects(source.poll(never), /was there before/);
    });

    it("a root with other things in it, no index and no models is no repository", async () => {
      await fixture.put("resnet/notes.txt", model.subarray(0, 10));
      await assert.rejects(
        start().poll(never),
        /index\.json: is not there, and no <model>\/<n>\/model\.onnx either, but 'resnet' is/,
      );
    });
  });
}

it("a folder that is not there is an error, never an empty repository", async (t) => {
  const home = await createHome();
  t.after(home.close);
  const location = join(home.path, "nowhere");
  const source = new RepositorySource({
    reader: new DirectoryReader(location),
    home: home.path,
    ...UNBOUNDED,
    location,
    pause: async () => undefined,
    log: quiet,
  });
  await assert.rejects(source.poll(never), /is not there/);
});
