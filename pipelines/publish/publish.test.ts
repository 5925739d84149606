import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import {
  MAX_DOCUMENT_BYTES,
  parseIndex,
  parseManifest,
  sha256Hex,
} from "../../protocols/repository/documents.ts";
import { filePath, INDEX_PATH, manifestPath } from "../../protocols/repository/layout.ts";
import { createSource } from "../../server/sources/create-source.ts";
import {
  createHome,
  FIXTURES,
  type RepositoryFixture,
  UNBOUNDED,
} from "../../server/sources/testing/repository-fixture.ts";
import {
  addConstantModel,
  externalDataModel,
  identityModel,
  scaleModel,
} from "../../server/testing/tiny-models.ts";
import { runPublish, runRemove, runRollback } from "./command.ts";
import { createStore } from "./create-store.ts";
import { type PublishOptions, publishModel } from "./publish.ts";
import { removeModel } from "./remove.ts";
import type { RepositoryStore } from "./repository-store.ts";
import { rollbackModel } from "./rollback.ts";

const never = new AbortController().signal;
const quiet = { info: () => undefined, warn: () => undefined };

let names = 0;

for (const { name, create } of FIXTURES) {
  describe(`publish to a ${name}`, () => {
    let fixture: RepositoryFixture;
    let store: RepositoryStore;
    let model: string;

    before(async () => {
      fixture = await create();
      store = createStore(fixture.location, fixture.azure);
    });
    after(() => fixture.close());
    beforeEach(() => {
      names += 1;
      model = `model-${names}`;
    });

    const publish = (bytes: Uint8Array, options: Partial<PublishOptions> = {}) =>
      publishModel({
        store,
        modelName: model,
        modelBytes: bytes,
        goldenBytes: null,
        alias: "champion",
        breaking: false,
        lineage: {},
        pause: async () => undefined,
        ...options,
      });
    const readIndex = async () => {
      const stored = await store.read(INDEX_PATH, MAX_DOCUMENT_BYTES);
      assert.ok(stored);
      return parseIndex(stored.bytes);
    };
    const aliases = async () => ({ ...(await readIndex()).models[model]?.aliases });

    it("numbers versions, moves champion, keeps previous", async () => {
      const one = await publish(scaleModel(1));
      assert.deepEqual([one.version, one.replaced], [1, null]);
      assert.deepEqual(await aliases(), { champion: 1 });
      const two = await publish(scaleModel(2));
      assert.deepEqual([two.version, two.replaced], [2, 1]);
      assert.equal(two.generation, one.generation + 1);
      assert.deepEqual(await aliases(), { champion: 2, previous: 1 });
      const three = await publish(scaleModel(3), { alias: "challenger" });
      assert.deepEqual([three.version, three.replaced], [3, null]);
      assert.deepEqual(await aliases(), { champion: 2, previous: 1, challenger: 3 });
    });

    it("describes what it stored", async () => {
      const bytes = scaleModel(1);
      const { version } = await publish(bytes, { breaking: true, lineage: { run: "r1" } });
      const path = manifestPath(model, version);
      const stored = await store.read(path, MAX_DOCUMENT_BYTES);
      assert.ok(stored);
      const manifest = parseManifest(path, stored.bytes);
      assert.deepEqual(manifest.files, [
        { path: "model.onnx", bytes: bytes.byteLength, sha256: sha256Hex(bytes) },
      ]);
      assert.deepEqual(manifest.signature.inputs, [
        { name: "x", datatype: "FP32", shape: [-1, 4] },
      ]);
      assert.deepEqual(manifest.opset, { "": 17 });
      assert.equal(manifest.breaking, true);
      assert.deepEqual(manifest.lineage, { producer: "sluice-tests", irVersion: "8", run: "r1" });
      const { models } = await readIndex();
      assert.equal(models[model]?.versions[version]?.manifestSha256, sha256Hex(stored.bytes));
    });

    it("refuses before it writes anything", async () => {
      const refused: [Promise<unknown>, RegExp][] = [
        [publish(new TextEncoder().encode("no model")), /not a readable ONNX model/],
        [publish(new Uint8Array(0)), /an empty file/],
        [publish(externalDataModel()), /keeps weights in other files/],
        [publish(scaleModel(1), { modelName: "../x" }), /'\.\.\/x' is no model name/],
        [publish(scaleModel(1), { alias: "3" }), /'3' is no alias name/],
        [publish(scaleModel(1), { alias: "previous" }), /kept for rollback/],
        [
          publish(scaleModel(1), { goldenBytes: new TextEncoder().encode("{}") }),
          /golden file: expected pairs of lines/,
        ],
      ];
      for (const [attempt, message] of refused) await assert.rejects(attempt, message);
      assert.equal((await publish(scaleModel(1))).version, 1);
    });

    it("refuses what could break the champion's clients, unless told", async () => {
      await publish(scaleModel(1));
      const other = identityModel("INT64");
      const why =
        /version 1 \(champion\) could break: input 'x' was FP32 and is now INT64.*--breaking/;
      await assert.rejects(publish(other), why);
      await assert.rejects(publish(other, { alias: "challenger" }), why);
      assert.deepEqual(await aliases(), { champion: 1 });
      assert.equal((await publish(other, { breaking: true })).version, 2);
      assert.deepEqual(await aliases(), { champion: 2, previous: 1 });
    });

    it("refuses when another's champion came between the check and the swap", async () => {
      await publish(scaleModel(1));
      const attempt = publish(addConstantModel(1), {
        pause: async (point) => {
          if (point !== "described") return;
          await publish(identityModel("INT64"), { breaking: true });
        },
      });
      await assert.rejects(attempt, /could break: input 'x' was INT64/);
      assert.deepEqual(await aliases(), { champion: 3, previous: 1 });
    });

    for (const point of ["claimed", "uploaded", "described"]) {
      it(`a publisher that dies at '${point}' leaves nothing visible, and its number free of use`, async () => {
        await publish(scaleModel(1));
        const before = await readIndex();
        const died = publish(scaleModel(2), {
          pause: async (at) => {
            if (at === point) throw new Error(`killed at ${at}`);
          },
        });
        await assert.rejects(died, /killed/);
        assert.deepEqual(await readIndex(), before);
        assert.equal((await publish(scaleModel(3))).version, 3);
        const versions = Object.keys((await readIndex()).models[model]?.versions ?? {});
        assert.deepEqual(versions, ["1", "3"]);
      });
    }

    it("two publishers racing 20 versions get 20 numbers and one consistent index", async () => {
      const other = createStore(fixture.location, fixture.azure);
      const before = (await publish(scaleModel(0), { modelName: `${model}-first` })).generation;
      const run = async (mine: RepositoryStore) => {
        const versions: number[] = [];
        for (let i = 0; i < 10; i += 1) {
          versions.push((await publish(scaleModel(i), { store: mine })).version);
        }
        return versions;
      };
      const numbers = (await Promise.all([run(store), run(other)])).flat();
      const expected = Array.from({ length: 20 }, (_, i) => i + 1);
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        expected,
      );
      const index = await readIndex();
      assert.equal(index.generation, before + 20);
      const entry = index.models[model];
      assert.deepEqual(Object.keys(entry?.versions ?? {}).map(Number), expected);
      for (const version of expected) {
        const manifest = await store.read(manifestPath(model, version), MAX_DOCUMENT_BYTES);
        assert.equal(
          sha256Hex(manifest?.bytes ?? new Uint8Array()),
          entry?.versions[version]?.manifestSha256,
        );
        const bytes = await store.read(filePath(model, version, "model.onnx"), MAX_DOCUMENT_BYTES);
        assert.ok(bytes);
      }
      assert.ok(entry?.aliases["champion"] !== entry?.aliases["previous"]);
    });

    it("what was published can be fetched and read by a server's source", async (t) => {
      const home = await createHome();
      t.after(home.close);
      await publish(scaleModel(5));
      const source = createSource(fixture.location, {
        home: home.path,
        azure: fixture.azure,
        ...UNBOUNDED,
        pause: async () => undefined,
        log: quiet,
      });
      const wanted = (await source.poll(never))?.models.get(model);
      const sha256 = wanted?.versions.get(1);
      assert.ok(sha256);
      const { directory } = await source.fetch(model, 1, sha256, never);
      assert.ok(directory.endsWith(sha256));
    });

    it("rollback swaps champion and previous, and back", async () => {
      await publish(scaleModel(1));
      await assert.rejects(rollbackModel(store, model), /has no previous version/);
      await assert.rejects(rollbackModel(store, "toString"), /has no model 'toString'/);
      await publish(scaleModel(2));
      const back = await rollbackModel(store, model);
      assert.deepEqual([back.version, back.replaced], [1, 2]);
      assert.deepEqual(await aliases(), { champion: 1, previous: 2 });
      await rollbackModel(store, model);
      assert.deepEqual(await aliases(), { champion: 2, previous: 1 });
    });

    it("a removed model leaves a tombstone until it is published again, under a new number", async () => {
      await publish(scaleModel(1));
      await removeModel(store, model);
      const removed = await readIndex();
      assert.equal(removed.models[model], undefined);
      assert.ok(removed.removed.includes(model));
      assert.equal(await removeModel(store, model), removed.generation);
      assert.equal((await publish(identityModel("INT8"))).version, 2);
      assert.ok(!(await readIndex()).removed.includes(model));
    });
  });
}

describe("publish commands", () => {
  let fixture: RepositoryFixture;
  let home: Awaited<ReturnType<typeof createHome>>;
  let out: string;
  beforeEach(async () => {
    fixture = await FIXTURES[0].create();
    home = await createHome();
    out = "";
  });
  afterEach(async () => {
    await fixture.close();
    await home.close();
  });

  const io = () => ({
    stdout: {
      write: (line: string) => {
        out += line;
      },
    },
    stderr: { write: (line: string) => assert.fail(line) },
    cwd: home.path,
  });
  const places = () => ({ modelRepository: fixture.location, redisUrl: null });
  const args = { file: "m.onnx", model: "fraud", alias: null, isBreaking: false, golden: null };

  it("print one line each", async () => {
    await writeFile(join(home.path, "m.onnx"), scaleModel(1));
    assert.equal(await runPublish(args, places(), fixture.azure, io()), 0);
    assert.equal(await runPublish(args, places(), fixture.azure, io()), 0);
    assert.equal(await runRollback("fraud", places(), fixture.azure, io()), 0);
    assert.equal(await runRemove("fraud", places(), fixture.azure, io()), 0);
    assert.equal(
      out,
      [
        "published fraud version 1 (champion), generation 1\n",
        "published fraud version 2 (champion, was 1), generation 2\n",
        "rolled back fraud to version 1 (champion, was 2), generation 3\n",
        "removed fraud, generation 4\n",
      ].join(""),
    );
  });

  it("say in the lineage which commit the file lies in, and nothing of the machine", async () => {
    await writeFile(join(home.path, "m.onnx"), scaleModel(1));
    const git = (...argv: string[]) =>
      execFileSync("git", argv, { cwd: home.path, encoding: "utf8" });
    git("init", "--quiet");
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "x");
    const gitCommit = git("rev-parse", "HEAD").trim();
    await runPublish(args, places(), fixture.azure, io());
    const stored = await createStore(fixture.location, fixture.azure).read(
      manifestPath("fraud", 1),
      MAX_DOCUMENT_BYTES,
    );
    const { lineage } = parseManifest("manifest.json", stored?.bytes ?? new Uint8Array());
    assert.match(lineage["publisher"] ?? "", /^sluice \d/);
    assert.deepEqual(
      { ...lineage, publisher: "" },
      {
        publisher: "",
        sourceFile: "m.onnx",
        gitCommit,
        gitDirty: "true",
        producer: "sluice-tests",
        irVersion: "8",
      },
    );
  });

  it("refuse a repository whose index is gone or garbled, and write no new one", async () => {
    await writeFile(join(home.path, "m.onnx"), scaleModel(1));
    const commands = [
      () => runPublish(args, places(), fixture.azure, io()),
      () => runPublish({ ...args, model: "other" }, places(), fixture.azure, io()),
      () => runRollback("fraud", places(), fixture.azure, io()),
      () => runRemove("fraud", places(), fixture.azure, io()),
    ];
    await commands[0]?.();
    const index = join(fixture.location, "index.json");
    const whole = await readFile(index);
    await rm(index);
    for (const command of commands) {
      await assert.rejects(command(), {
        name: "StoreError",
        message:
          /^index\.json: is not there, although models\/fraud\/versions\/1\/\S+ is: put it back/,
      });
    }
    await assert.rejects(readFile(index), /ENOENT/);
    await writeFile(index, "{}");
    for (const command of commands) {
      await assert.rejects(command(), { name: "DocumentError", message: /index\.json/ });
    }
    assert.equal(await readFile(index, "utf8"), "{}");
    await writeFile(index, whole);
    await commands[0]?.();
    assert.match(out, /published fraud version 2 \(champion, was 1\), generation 2\n$/);
  });

  it("go on where the first publisher of a repository died", async () => {
    await writeFile(join(home.path, "m.onnx"), scaleModel(1));
    const died = runPublish(args, places(), fixture.azure, io(), async (point) => {
      if (point === "claimed") throw new Error("killed");
    });
    await assert.rejects(died, /killed/);
    await runPublish(args, places(), fixture.azure, io());
    assert.equal(out, "published fraud version 2 (champion), generation 1\n");
  });

  it("name a file that cannot be read", async () => {
    await assert.rejects(runPublish(args, places(), fixture.azure, io()), {
      name: "PublishRefusal",
      message: "m.onnx: cannot be read (ENOENT)",
    });
  });
});
