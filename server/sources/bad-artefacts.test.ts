import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { link, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createStore } from "../../pipelines/publish/create-store.ts";
import type { RepositoryStore } from "../../pipelines/publish/repository-store.ts";
import { MAX_DOCUMENT_BYTES, sha256Hex } from "../../protocols/repository/documents.ts";
import { filePath, INDEX_PATH, manifestPath } from "../../protocols/repository/layout.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import { publishTiny } from "../testing/publish-tiny.ts";
import { scaleModel } from "../testing/tiny-models.ts";
import { createSource } from "./create-source.ts";
import {
  createDirectoryFixture,
  createHome,
  FIXTURES,
  indexOf,
  putIndex,
  putVersion,
  type RepositoryFixture,
  UNBOUNDED,
} from "./testing/repository-fixture.ts";

/** Bad artefacts, and what each is refused with; version 1 is good and must stay what it is. */

const never = new AbortController().signal;
const quiet = { info: () => undefined, warn: () => undefined };
const text = (content: string) => new TextEncoder().encode(content);
const good = scaleModel(2);
const other = scaleModel(3);
const MODEL = filePath("m", 2, "model.onnx");
const MANIFEST = manifestPath("m", 2);

interface Artefact {
  readonly fixture: RepositoryFixture;
  /** Of version 2, as the publisher wrote it. */
  readonly manifest: Uint8Array;
}

interface BadVersion {
  /** Version 2 was published and is spoilt by this. */
  spoil(artefact: Artefact): Promise<void>;
  readonly message: RegExp;
}

const flipAt = (bytes: Uint8Array, share: number, mask: number): Uint8Array => {
  const flipped = Uint8Array.from(bytes);
  const at = Math.min(bytes.byteLength - 1, Math.floor(bytes.byteLength * share));
  flipped[at] = (flipped[at] as number) ^ mask;
  return flipped;
};

/** Where in a file, and which bit: first and last byte, head, middle, tail. */
const FLIPS = [
  [0, 1],
  [0, 0x80],
  [0.1, 4],
  [0.5, 1],
  [0.9, 0x10],
  [1, 1],
] as const;

const SHA = /expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}$/;
const MANIFEST_SHA = /manifest\.json: expected sha256 [0-9a-f]{64} \(index\.json\), got/;

const BAD_VERSIONS: Readonly<Record<string, BadVersion>> = {
  ...Object.fromEntries(
    FLIPS.flatMap(([share, mask]) => [
      [
        `a model with bit ${mask} flipped at ${share * 100} %`,
        {
          spoil: ({ fixture }: Artefact) => fixture.put(MODEL, flipAt(other, share, mask)),
          message: SHA,
        },
      ],
      [
        `a manifest with bit ${mask} flipped at ${share * 100} %`,
        {
          spoil: ({ fixture, manifest }: Artefact) =>
            fixture.put(MANIFEST, flipAt(manifest, share, mask)),
          message: MANIFEST_SHA,
        },
      ],
    ]),
  ),
  "a model that is cut off": {
    spoil: ({ fixture }) => fixture.put(MODEL, other.subarray(0, -1)),
    message: /model\.onnx: expected \d+ bytes, got \d+$/,
  },
  "an empty model": {
    spoil: ({ fixture }) => fixture.put(MODEL, new Uint8Array(0)),
    message: /model\.onnx: (expected \d+ bytes, got 0|is shorter than expected|ends at byte 0)/,
  },
  "a model with more at its end": {
    spoil: ({ fixture }) => fixture.put(MODEL, Buffer.concat([other, Buffer.from("x")])),
    message: /model\.onnx: expected \d+ bytes, got \d+$/,
  },
  "the model of another version in its place": {
    spoil: ({ fixture }) => fixture.put(MODEL, good),
    message: SHA,
  },
  "the manifest of another version in its place": {
    spoil: async ({ fixture }) => {
      const { manifest } = await putVersion(fixture, "m", 9, { "model.onnx": other });
      await fixture.put(MANIFEST, text(`${JSON.stringify(manifest, null, 2)}\n`));
    },
    message: MANIFEST_SHA,
  },
  "no model": {
    spoil: ({ fixture }) => fixture.delete(MODEL),
    message: /model\.onnx: is not there/,
  },
  "no manifest": {
    spoil: ({ fixture }) => fixture.delete(MANIFEST),
    message: /manifest\.json: is not there/,
  },
  "a manifest larger than any": {
    spoil: ({ fixture }) => fixture.put(MANIFEST, new Uint8Array(MAX_DOCUMENT_BYTES + 1)),
    message: /manifest\.json: has (\d+ bytes, )?more than \d+/,
  },
};

type Change = (manifest: Manifest) => unknown;
const withFiles = (change: (file: Manifest["files"][number]) => unknown): Change => {
  return (manifest) => ({ ...manifest, files: manifest.files.map(change) });
};

/** Manifests that the index does name, hash and all: their author is at fault. */
const BAD_MANIFESTS: Readonly<Record<string, readonly [Change, RegExp]>> = {
  "a name that leads out": [
    withFiles((file) => ({ ...file, path: "../../../m.onnx" })),
    /files\.0\.path must match pattern .* got "\.\.\/\.\.\/\.\.\/m\.onnx"$/,
  ],
  "an absolute name": [
    withFiles((file) => ({ ...file, path: "/etc/passwd" })),
    /files\.0\.path must match pattern .* got "\/etc\/passwd"$/,
  ],
  "a name with a NUL": [withFiles((file) => ({ ...file, path: "a\0b" })), /files\.0\.path must/],
  "a name with a backslash": [
    withFiles((file) => ({ ...file, path: "..\\m" })),
    /files\.0\.path must/,
  ],
  "a size beyond any disk": [
    withFiles((file) => ({ ...file, bytes: Number.MAX_SAFE_INTEGER })),
    /its files have 9007199254740991 bytes, more than \d+$/,
  ],
  "a size that is no size": [
    withFiles((file) => ({ ...file, bytes: 1e300 })),
    /its files have 1e\+300 bytes, more than \d+$/,
  ],
  "a negative size": [
    withFiles((file) => ({ ...file, bytes: -1 })),
    /files\.0\.bytes must be >= 0/,
  ],
  "too many files": [
    (manifest) => ({
      ...manifest,
      files: Array.from({ length: 65 }, (_, i) => ({ ...manifest.files[0], path: `f${i}` })),
    }),
    /files must NOT have more than 64 items/,
  ],
};

for (const { name, create } of FIXTURES) {
  describe(`bad artefacts in a ${name}`, () => {
    let fixture: RepositoryFixture;
    let home: Awaited<ReturnType<typeof createHome>>;
    beforeEach(async () => {
      fixture = await create();
      home = await createHome();
    });
    afterEach(async () => {
      await fixture.close();
      await home.close();
    });
    const start = () => {
      const { location, azure } = fixture;
      const pause = async () => undefined;
      return createSource(location, { home: home.path, ...UNBOUNDED, azure, pause, log: quiet });
    };
    const fetch = (version: number, sha256: string) => start().fetch("m", version, sha256, never);

    it("versions: each is refused with its reason, and the good one is found all the time", async () => {
      const first = await putVersion(fixture, "m", 1, { "model.onnx": good });
      const second = await putVersion(fixture, "m", 2, { "model.onnx": other });
      const manifest = text(`${JSON.stringify(second.manifest, null, 2)}\n`);
      assert.equal(sha256Hex(manifest), second.manifestSha256);
      const index = indexOf(2, { m: { 1: first.manifestSha256, 2: second.manifestSha256 } });
      await putIndex(fixture, index);
      const { directory } = await fetch(1, first.manifestSha256);
      for (const [what, { spoil, message }] of Object.entries(BAD_VERSIONS)) {
        await spoil({ fixture, manifest });
        await assert.rejects(fetch(2, second.manifestSha256), message, what);
        assert.equal((await start().poll(never))?.models.get("m")?.versions.size, 2, what);
        assert.deepEqual(await readFile(join(directory, "model.onnx")), Buffer.from(good), what);
        await fixture.put(MODEL, other);
        await fixture.put(MANIFEST, manifest);
      }
      await fetch(2, second.manifestSha256);
    });

    it("manifests: each is refused with its reason", async () => {
      for (const [what, [change, message]] of Object.entries(BAD_MANIFESTS)) {
        const { manifestSha256 } = await putVersion(
          fixture,
          "m",
          2,
          { "model.onnx": good },
          change,
        );
        await assert.rejects(fetch(2, manifestSha256), message, what);
      }
    });

    it("indexes: none unloads anything, and none is kept", async () => {
      const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": good });
      const index = indexOf(7, { m: { 1: manifestSha256 } });
      const bytes = text(`${JSON.stringify(index, null, 2)}\n`);
      await fixture.put(INDEX_PATH, bytes);
      const source = start();
      await source.poll(never);
      const bad: [Uint8Array, RegExp][] = [
        [new Uint8Array(0), /expected JSON, got 0 bytes that do not parse/],
        [bytes.subarray(0, -3), /expected JSON, got \d+ bytes that do not parse/],
        [text("<html>"), /expected JSON, got a web page or XML/],
        [text("[]"), /the document must be object/],
        [text("null"), /the document must be object/],
        [Buffer.concat([bytes, bytes]), /expected JSON/],
        [new Uint8Array(MAX_DOCUMENT_BYTES + 1), /more than \d+/],
        [Buffer.from(bytes).fill(0xff, 5, 9), /expected JSON/],
        [text(JSON.stringify(indexOf(8, { m: { 1: "b".repeat(64) } }))), /versions are immutable/],
      ];
      for (const [content, message] of bad) {
        await fixture.put(INDEX_PATH, content);
        await assert.rejects(source.poll(never), message);
        assert.equal((await start().lastKnown())?.generation, 7);
      }
      await fixture.put(INDEX_PATH, text(JSON.stringify(indexOf(8, {}))));
      const empty = await source.poll(never);
      assert.deepEqual([empty?.models.size, empty?.removed.size], [0, 0]);
    });

    it("half-published: a publisher that dies after any write shows nothing to readers", async () => {
      const whole = createStore(fixture.location, fixture.azure);
      await publishTiny(whole, "m", good);
      const before = await start().poll(never);
      let writes = 0;
      for (let died = true; died && writes < 20; writes++) {
        const store = dyingStore(whole, writes);
        died = await publishTiny(store, "m", other).then(
          () => false,
          () => true,
        );
        const seen = await start().poll(never);
        const versions = [...(seen?.models.get("m")?.versions ?? [])];
        if (died) assert.deepEqual(versions, [...(before?.models.get("m")?.versions ?? [])]);
        else assert.equal(versions.length, 2);
        for (const [version, sha256] of versions) await fetch(version, sha256);
      }
      assert.ok(writes >= 4, `${writes} writes`);
    });
  });
}

/** Dies before the write of that number, and at each after it, as a killed process would. */
function dyingStore(store: RepositoryStore, writes: number): RepositoryStore {
  let left = writes;
  const count = async <T>(write: () => Promise<T>): Promise<T> => {
    if (left === 0) throw new Error("died");
    const answer = await write();
    // A number that is taken is no write.
    if (answer !== false) left -= 1;
    return answer;
  };
  return {
    description: store.description,
    read: (path, maxBytes) => store.read(path, maxBytes),
    stamp: (path) => store.stamp(path),
    list: (prefix) => store.list(prefix),
    create: (path, bytes) => count(() => store.create(path, bytes)),
    replace: (path, bytes, etag) => count(() => store.replace(path, bytes, etag)),
    remove: (path) => count(() => store.remove(path)),
  };
}

describe("what stands in a file's place in a directory", () => {
  let fixture: RepositoryFixture;
  let home: Awaited<ReturnType<typeof createHome>>;
  beforeEach(async () => {
    fixture = await createDirectoryFixture();
    home = await createHome();
  });
  afterEach(async () => {
    await fixture.close();
    await home.close();
  });

  const places: Readonly<Record<string, readonly [(path: string) => Promise<unknown>, RegExp]>> = {
    "a hard link": [
      async (path) => {
        await writeFile(join(home.path, "elsewhere"), good);
        await link(join(home.path, "elsewhere"), path);
      },
      /model\.onnx: has 2 hard links, expected 1/,
    ],
    "a link that leads out": [
      async (path) => {
        await writeFile(join(home.path, "elsewhere"), good);
        await symlink(join(home.path, "elsewhere"), path);
      },
      /model\.onnx: is a link that leads out of the repository/,
    ],
    "a link to nowhere": [(path) => symlink("nowhere", path), /model\.onnx: is not there/],
    "a link to itself": [(path) => symlink(path, path), /model\.onnx: ELOOP/],
    "a device": [(path) => symlink("/dev/zero", path), /is a link that leads out/],
    "a folder": [(path) => mkdir(path), /model\.onnx: is not a regular file/],
    "a FIFO": [
      async (path) => assert.equal(spawnSync("mkfifo", [path]).status, 0),
      /model\.onnx: is not a regular file/,
    ],
  };

  for (const [what, [place, message]] of Object.entries(places)) {
    it(`${what} is refused`, async () => {
      const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": good });
      const path = join(fixture.location, filePath("m", 1, "model.onnx"));
      await rm(path);
      await place(path);
      const { location, azure } = fixture;
      const pause = async () => undefined;
      const source = createSource(location, {
        home: home.path,
        ...UNBOUNDED,
        azure,
        pause,
        log: quiet,
      });
      await assert.rejects(source.fetch("m", 1, manifestSha256, never), message);
    });
  }

  it("a file of the cache that got a second name is fetched again", async () => {
    const { manifestSha256 } = await putVersion(fixture, "m", 1, { "model.onnx": good });
    const { location, azure } = fixture;
    const pause = async () => undefined;
    const source = createSource(location, {
      home: home.path,
      ...UNBOUNDED,
      azure,
      pause,
      log: quiet,
    });
    const { directory } = await source.fetch("m", 1, manifestSha256, never);
    await rename(join(directory, "model.onnx"), join(home.path, "mine"));
    await link(join(home.path, "mine"), join(directory, "model.onnx"));
    await source.fetch("m", 1, manifestSha256, never);
    await writeFile(join(home.path, "mine"), "changed");
    assert.deepEqual(await readFile(join(directory, "model.onnx")), Buffer.from(good));
  });
});
