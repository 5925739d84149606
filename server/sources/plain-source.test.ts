import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { parseManifest } from "../../protocols/repository/documents.ts";
import { VetRefusal } from "../models/loader.ts";
import type { WantedSet } from "../models/source.ts";
import { scaleModel } from "../testing/tiny-models.ts";
import { AzureBlobReader } from "./azure-blob-reader.ts";
import { DirectoryReader } from "./directory-reader.ts";
import { RepositorySource } from "./repository-source.ts";
import { MemoryReader } from "./testing/memory-reader.ts";
import {
  createHome,
  FIXTURES,
  type RepositoryFixture,
  UNBOUNDED,
} from "./testing/repository-fixture.ts";

const never = new AbortController().signal;
const text = (content: string) => new TextEncoder().encode(content);
const SETTLE_MS = 30;
const model = scaleModel(2);

for (const { name, create } of FIXTURES) {
  describe(`a repository without an index in a ${name}`, () => {
    let fixture: RepositoryFixture;
    let home: Awaited<ReturnType<typeof createHome>>;
    let warnings: string[] = [];

    beforeEach(async () => {
      fixture = await create();
      home = await createHome();
      warnings = [];
    });
    afterEach(async () => {
      await fixture.close();
      await home.close();
    });

    const start = () => {
      const isAzure = fixture.azure.kind === "connection-string";
      const { location } = fixture;
      const reader = isAzure
        ? new AzureBlobReader(location, fixture.azure)
        : new DirectoryReader(location);
      const log = {
        info: () => undefined,
        warn: (fields: object, message: string) => {
          warnings.push(`${message}: ${JSON.stringify(fields)}`);
        },
      };
      const pause = async () => undefined;
      return new RepositorySource(
        { reader, home: home.path, ...UNBOUNDED, location, pause, log },
        { settleMs: SETTLE_MS },
      );
    };
    const settle = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS + 5));
    const tell = (set: WantedSet | null) =>
      [...(set?.models.values() ?? [])].map(
        (each) => `${each.name} ${[...each.versions.keys()].sort()} ${each.versionPolicy?.kind}`,
      );
    const fetchOf = async (source: RepositorySource, set: WantedSet | null, n: number) => {
      const key = set?.models.get("m")?.versions.get(n) as string;
      return source.fetch("m", n, key, never);
    };

    it("Triton's layout: models, versions and their policy", async () => {
      await fixture.put("m/config.pbtxt", text("max_batch_size: 4 version_policy { all {} }"));
      await fixture.put("m/1/model.onnx", model);
      await fixture.put("m/2/model.onnx", scaleModel(3));
      await fixture.put("bare/7/model.onnx", model);
      await fixture.put("m/labels.txt", text("a"));
      await fixture.put("m/03/model.onnx", model);
      await fixture.put("README.md", text("hello"));
      const source = start();
      const set = await source.poll(never);
      assert.deepEqual(tell(set).sort(), ["bare 7 latest", "m 1,2 all"]);
      assert.deepEqual(set?.removed, new Set());
      assert.equal(await source.poll(never), null);
    });

    it("TensorFlow Serving's layout: version folders in the root", async () => {
      await fixture.put("1/model.onnx", model);
      await fixture.put("20/model.onnx", model);
      const set = await start().poll(never);
      const [only] = set?.models.values() ?? [];
      assert.deepEqual([...(only?.versions.keys() ?? [])].sort(), [1, 20]);
      assert.equal(only?.name, fixture.location.split("/").at(-1));
    });

    it("a version comes into the cache with a manifest of its own, and is found there again", async () => {
      const config = `max_batch_size: 4 default_model_filename: "my.onnx" optimization {}
        input { name: "x" data_type: TYPE_FP32 dims: 4 }`;
      await fixture.put("m/config.pbtxt", text(config));
      await fixture.put("m/1/my.onnx", model);
      await fixture.put("m/1/vocabulary.txt", text("a b"));
      const source = start();
      const set = await source.poll(never);
      const local = await fetchOf(source, set, 1);
      assert.deepEqual(local.hints, {
        maxBatchRows: 4,
        note: "not followed: optimization (the engine's own settings hold)",
      });
      assert.match(warnings.join(), /is not followed in all: .*optimization/);
      assert.deepEqual(await readFile(join(local.directory, "model.onnx")), Buffer.from(model));
      const document = await readFile(join(local.directory, "manifest.json"));
      const { files, signature } = parseManifest("manifest.json", document);
      assert.deepEqual(files.map((file) => file.path).sort(), ["model.onnx", "vocabulary.txt"]);
      assert.deepEqual(signature.inputs, [{ name: "x", datatype: "FP32", shape: [-1, 4] }]);
      // A restart without the repository.
      await fixture.delete("m/1/my.onnx");
      const again = start();
      const known = await again.lastKnown();
      assert.deepEqual(await fetchOf(again, known, 1), local);
    });

    it("a version counts once its files stand still", async () => {
      await fixture.put("m/1/model.onnx", model);
      const source = start();
      await source.poll(never);
      await fixture.put("m/2/model.onnx", model.subarray(0, 20));
      assert.equal(await source.poll(never), null);
      await settle();
      await fixture.put("m/2/model.onnx", model);
      assert.equal(await source.poll(never), null);
      await settle();
      const set = await source.poll(never);
      assert.deepEqual(tell(set), ["m 1,2 latest"]);
      await fetchOf(source, set, 2);
    });

    it("a version that changes in place stays what it was until it stands still; it is said", async () => {
      await fixture.put("m/1/model.onnx", model);
      const source = start();
      const first = await source.poll(never);
      await fixture.put("m/1/model.onnx", scaleModel(3));
      assert.equal(await source.poll(never), null);
      await settle();
      const second = await source.poll(never);
      assert.notEqual(
        second?.models.get("m")?.versions.get(1),
        first?.models.get("m")?.versions.get(1),
      );
      assert.match(warnings.join(), /changed in place; where it is loaded it stays as it was/);
    });

    it("an empty listing means unknown, also after a restart", async () => {
      await fixture.put("m/1/model.onnx", model);
      await start().poll(never);
      await fixture.delete("m/1/model.onnx");
      await assert.rejects(start().poll(never), /holds no model, and did before/);
      assert.deepEqual(tell(await start().lastKnown()), ["m 1 latest"]);
    });

    it("a version that is taken away is wanted no more while its model has another", async () => {
      await fixture.put("m/1/model.onnx", model);
      await fixture.put("m/2/model.onnx", model);
      const source = start();
      await source.poll(never);
      await fixture.delete("m/2/model.onnx");
      assert.deepEqual(tell(await source.poll(never)), ["m 1 latest"]);
    });

    it("refuses what it cannot serve with a reason, and keeps the policy over a slip", async () => {
      const cases: [string, RegExp][] = [
        ['platform: "tensorrt_plan"', /config\.pbtxt: platform 'tensorrt_plan' is not served/],
        ["max_batch_size: 4 input {", /config\.pbtxt: line 1: expected a field's name or '}'/],
        [
          'default_model_filename: "other.onnx"',
          /its folder lacks other\.onnx, it has model\.onnx$/,
        ],
        [
          'input { name: "x" data_type: TYPE_INT64 dims: 4 }',
          /input 'x' is INT64 \[4\], but the graph has FP32 \[-1,4\]/,
        ],
      ];
      await fixture.put("m/config.pbtxt", text("version_policy { all {} }"));
      await fixture.put("m/1/model.onnx", model);
      const source = start();
      await source.poll(never);
      for (const [config, message] of cases) {
        await fixture.put("m/config.pbtxt", text(config));
        await source.poll(never);
        await settle();
        const set = await source.poll(never);
        if (config.includes("input {") && !config.includes("name")) {
          assert.deepEqual(tell(set), ["m 1 all"]);
        }
        await assert.rejects(fetchOf(source, set, 1), (error: Error) => {
          assert.ok(error instanceof VetRefusal, String(error));
          assert.match(error.message, message);
          return true;
        });
      }
    });

    it("a restart without the repository keeps each model's policy", async () => {
      const specific = "version_policy { specific { versions: [1] } }";
      await fixture.put("m/config.pbtxt", text(specific));
      await fixture.put("m/1/model.onnx", model);
      await fixture.put("m/2/model.onnx", model);
      await fixture.put("all/config.pbtxt", text("version_policy { all {} }"));
      await fixture.put("all/1/model.onnx", model);
      const told = await start().poll(never);
      const known = await start().lastKnown();
      assert.deepEqual(known?.models, told?.models);
      const { versionPolicy, aliases } = known?.models.get("m") ?? {};
      assert.deepEqual(versionPolicy, { kind: "specific", versions: [1] });
      assert.deepEqual(aliases, new Map());
    });

    it("a configuration that changes holds once it stands still: half of it may parse", async () => {
      await fixture.put("m/config.pbtxt", text("version_policy { specific { versions: [1] } }"));
      await fixture.put("m/1/model.onnx", model);
      await fixture.put("m/2/model.onnx", model);
      const source = start();
      await source.poll(never);
      await fixture.put("m/config.pbtxt", text(""));
      assert.equal(await source.poll(never), null);
      await fixture.put("m/config.pbtxt", text("version_policy { all {} }"));
      assert.equal(await source.poll(never), null);
      await settle();
      assert.deepEqual(tell(await source.poll(never)), ["m 1,2 all"]);
      await fixture.delete("m/config.pbtxt");
      assert.equal(await source.poll(never), null);
      await settle();
      assert.deepEqual(tell(await source.poll(never)), ["m 1,2 latest"]);
    });

    it("a configuration that cannot be read holds up its model only, and is tried again", async () => {
      const tooLarge = text("#".repeat(1024 * 1024 + 1));
      await fixture.put("m/config.pbtxt", text("version_policy { all {} }"));
      await fixture.put("m/1/model.onnx", model);
      await fixture.put("other/1/model.onnx", model);
      const source = start();
      await source.poll(never);
      await fixture.put("m/config.pbtxt", tooLarge);
      await fixture.put("new/config.pbtxt", tooLarge);
      await fixture.put("new/1/model.onnx", model);
      await fixture.put("other/2/model.onnx", model);
      await source.poll(never);
      await settle();
      const set = await source.poll(never);
      assert.deepEqual(tell(set).sort(), ["m 1 all", "other 1,2 latest"]);
      await source.poll(never);
      const said = warnings.filter((warning) =>
        /cannot be read; what is loaded stays/.test(warning),
      );
      assert.equal(said.length, 2, said.join());
      await assert.rejects(fetchOf(source, set, 1), (error: Error) => {
        assert.ok(!(error instanceof VetRefusal), "refused for good");
        assert.match(error.message, /m\/config\.pbtxt: has .*1048576/);
        return true;
      });
      // A start that finds it so goes by the policy it knew.
      assert.deepEqual(tell(await start().poll(never)).sort(), ["m 1 all", "other 1,2 latest"]);
      await fixture.put("new/config.pbtxt", text("version_policy { all {} }"));
      await source.poll(never);
      await settle();
      assert.deepEqual(tell(await source.poll(never)).sort(), [
        "m 1 all",
        "new 1 all",
        "other 1,2 latest",
      ]);
    });

    it("a start with nothing but a configuration that cannot be read says why", async () => {
      await fixture.put("m/config.pbtxt", text("#".repeat(1024 * 1024 + 1)));
      await fixture.put("m/1/model.onnx", model);
      await assert.rejects(start().poll(never), /m\/config\.pbtxt: has .*1048576/);
    });

    it("no graph at all is refused", async () => {
      await fixture.put("m/1/model.onnx", text("<html>sign in</html>"));
      const source = start();
      const set = await source.poll(never);
      await assert.rejects(
        fetchOf(source, set, 1),
        /not a usable ONNX model: .*text \(HTML or XML\)/,
      );
    });

    it("an index.json that comes later is what holds from then on", async () => {
      await fixture.put("m/1/model.onnx", model);
      const source = start();
      await source.poll(never);
      const index = { schemaVersion: 1, generation: 1, models: {}, removed: ["m"] };
      await fixture.put("index.json", text(JSON.stringify(index)));
      assert.deepEqual((await source.poll(never))?.removed, new Set(["m"]));
    });
  });
}

describe("a version whose manifest nobody could read", () => {
  it("is refused before it comes into the cache; a foreign manifest is left aside", async (t) => {
    const home = await createHome();
    t.after(home.close);
    const reader = new MemoryReader();
    reader.files.set("m/1/model.onnx", model);
    reader.files.set("m/1/Manifest.json", text("{}"));
    reader.files.set("m/2/model.onnx", model);
    reader.files.set("m/2/words.txt", text("a"));
    reader.files.set("m/2/Words.txt", text("b"));
    const source = new RepositorySource(
      {
        ...{ reader, home: home.path, ...UNBOUNDED, location: "memory" },
        pause: async () => undefined,
        log: { info: () => undefined, warn: () => undefined },
      },
      { settleMs: SETTLE_MS },
    );
    const versions = (await source.poll(never))?.models.get("m")?.versions;
    const { directory } = await source.fetch("m", 1, versions?.get(1) as string, never);
    const document = await readFile(join(directory, "manifest.json"));
    const { files } = parseManifest("manifest.json", document);
    assert.deepEqual(
      files.map(({ path }) => path),
      ["model.onnx"],
    );
    await assert.rejects(
      source.fetch("m", 2, versions?.get(2) as string, never),
      (error: Error) => {
        assert.ok(error instanceof VetRefusal, String(error));
        assert.equal(error.message, "m/2: files holds a path twice");
        return true;
      },
    );
  });
});

describe("a directory without an index", () => {
  it("links that lead out are refused, a hidden folder is passed over", async (t) => {
    const home = await createHome();
    t.after(home.close);
    const location = join(home.path, "models");
    await mkdir(join(location, "m/1"), { recursive: true });
    await mkdir(join(location, ".hidden/1"), { recursive: true });
    await writeFile(join(location, ".hidden/1/model.onnx"), model);
    await writeFile(join(home.path, "outside.onnx"), model);
    await symlink(join(home.path, "outside.onnx"), join(location, "m/1/model.onnx"));
    const source = new RepositorySource(
      {
        reader: new DirectoryReader(location),
        home: home.path,
        ...UNBOUNDED,
        location,
        pause: async () => undefined,
        log: { info: () => undefined, warn: () => undefined },
      },
      { settleMs: SETTLE_MS },
    );
    const set = await source.poll(never);
    assert.deepEqual([...(set?.models.keys() ?? [])], ["m"]);
    const key = set?.models.get("m")?.versions.get(1) as string;
    await assert.rejects(
      source.fetch("m", 1, key, never),
      /m\/1\/model\.onnx: is a link that leads out of the repository/,
    );
  });
});
