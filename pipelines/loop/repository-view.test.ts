import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import { DirectoryStore } from "../publish/directory-store.ts";
import { ensureIndex, updateIndex } from "../publish/update-index.ts";
import { homePaths } from "./home.ts";
import { type KnownChampions, RepositoryView } from "./repository-view.ts";
import { putFile } from "./testing/loop-data.ts";
import { openStoreHome, type StoreHome } from "./testing/store-kit.ts";

describe("what the repository says of champions", () => {
  let at: StoreHome;
  let root = "";
  let warnings: string[] = [];
  let view: RepositoryView;
  let nowMs = 0;
  beforeEach(async () => {
    at = await openStoreHome();
    root = join(at.home, "models");
    warnings = [];
    view = open();
  });
  afterEach(() => at.close());

  function open(): RepositoryView {
    const warn = (message: string): void => void warnings.push(message);
    const { store, home } = at;
    return new RepositoryView({ repository: new DirectoryStore(root), store, home, warn });
  }

  /** A version as `publish` lays it out; its model is any bytes. */
  async function publish(version: number, content = `model ${version}`): Promise<void> {
    const model = Buffer.from(content);
    const manifest = serializeDocument({
      schemaVersion: 1,
      model: "churn",
      version,
      files: [{ path: "model.onnx", bytes: model.length, sha256: sha256Hex(model) }],
      signature: { inputs: [], outputs: [] },
      opset: {},
      breaking: false,
      createdAt: new Date(0).toISOString(),
      lineage: {},
    });
    const folder = join(root, `models/churn/versions/${version}`);
    const store = new DirectoryStore(root);
    await ensureIndex(store);
    putFile(folder, "model.onnx", model);
    putFile(folder, "manifest.json", manifest);
    await updateIndex(store, async ({ models, removed }) => ({
      models: {
        churn: {
          versions: {
            ...models["churn"]?.versions,
            [version]: { manifestSha256: sha256Hex(manifest) },
          },
          aliases: { champion: version },
        },
      },
      removed,
    }));
  }

  async function champion(model = "churn"): Promise<number | "unknown" | null> {
    nowMs += 3_000;
    return versionOf(await view.champions(["churn", "delay"], nowMs), model);
  }

  function versionOf(champions: KnownChampions, model = "churn"): number | "unknown" | null {
    const found = champions.get(model);
    if (found === undefined) return "unknown";
    return found === null || found === "unknown" ? found : found.version;
  }

  it("gives the champion with copies of its files, and follows it", async () => {
    assert.equal(await champion(), null);
    await publish(1);
    assert.equal(await champion(), 1);
    const path = homePaths.version(at.home, "churn", 1, "model.onnx");
    assert.equal(readFileSync(path, "utf8"), "model 1");
    await publish(2);
    assert.equal(await champion(), 2);
    assert.deepEqual(warnings, []);
  });

  it("looks again only after two seconds, or when told to forget", async () => {
    assert.equal(await champion(), null);
    await publish(1);
    assert.equal(versionOf(await view.champions(["churn"], nowMs + 1_999)), null);
    view.forget();
    assert.equal(versionOf(await view.champions(["churn"], nowMs)), 1);
  });

  it("looks again when the clock was set back", async () => {
    assert.equal(await champion(), null);
    await publish(1);
    assert.equal(versionOf(await view.champions(["churn"], nowMs - 86_400_000)), 1);
  });

  it("knows nothing before the first answer", async () => {
    writeFileSync(root, "no folder");
    assert.equal(await champion(), "unknown");
    rmSync(root);
    assert.equal(await champion(), null);
  });

  it("knows of no champion that it was not asked for before", async () => {
    await view.champions(["churn"], nowMs);
    assert.equal(versionOf(await view.champions(["churn", "new"], nowMs), "new"), "unknown");
  });

  it("remembers over a restart that there was an index", async () => {
    assert.equal(view.hasIndex, false);
    await publish(1);
    assert.equal(await champion(), 1);
    view = open();
    renameSync(root, `${root}.unmounted`);
    assert.equal(await champion(), "unknown");
    assert.equal(view.hasIndex, true);
    renameSync(`${root}.unmounted`, root);
    assert.equal(await champion(), 1);
  });

  it("does not take a copy for another repository's version of the same name", async () => {
    await publish(1);
    assert.equal(await champion(), 1);
    rmSync(root, { recursive: true });
    await publish(1, "other model");
    await updateIndex(new DirectoryStore(root), async ({ models, removed }) => ({
      models,
      removed,
    }));
    assert.equal(await champion(), 1);
    const path = homePaths.version(at.home, "churn", 1, "model.onnx");
    assert.equal(readFileSync(path, "utf8"), "other model");
  });

  it("copies again what was cut off", async () => {
    await publish(1);
    assert.equal(await champion(), 1);
    const path = homePaths.version(at.home, "churn", 1, "model.onnx");
    writeFileSync(path, "");
    assert.equal(await champion(), 1);
    assert.equal(readFileSync(path, "utf8"), "model 1");
  });

  it("keeps its last answer while the repository is away, and says so once", async () => {
    await publish(1);
    assert.equal(await champion(), 1);
    renameSync(root, `${root}.away`);
    writeFileSync(root, "no folder");
    assert.equal(await champion(), 1);
    assert.equal(await champion(), 1);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /cannot be read .+; going by what it last said/);
    rmSync(root);
    renameSync(`${root}.away`, root);
    await publish(2);
    assert.equal(await champion(), 2);
  });

  it("does not believe a repository that is suddenly empty", async () => {
    await publish(1);
    assert.equal(await champion(), 1);
    renameSync(root, `${root}.unmounted`);
    assert.equal(await champion(), 1);
    assert.match(warnings[0] ?? "", /index\.json was there and is gone; is .+ mounted\?/);
  });

  it("takes versions without an index for a loss, also when it never saw the index", async () => {
    await publish(1);
    rmSync(join(root, "index.json"));
    assert.equal(await champion(), "unknown");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /index\.json: is not there, although models\/churn\/versions/);
  });

  it("does not believe an index that is older than the last", async () => {
    await publish(1);
    const old = readFileSync(join(root, "index.json"));
    await publish(2);
    assert.equal(await champion(), 2);
    writeFileSync(join(root, "index.json"), old);
    assert.equal(await champion(), 2);
    assert.match(warnings[0] ?? "", /went back from generation 2 to 1/);
  });

  it("takes no files that are not what the index names", async () => {
    await publish(1);
    putFile(join(root, "models/churn/versions/1"), "model.onnx", "model X");
    assert.equal(await champion(), "unknown");
    assert.equal(await champion("delay"), null);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? "",
      /'churn' cannot be read .+does not have the hash that names it/,
    );
  });
});
