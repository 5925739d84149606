import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import { DirectoryStore } from "../publish/directory-store.ts";
import { updateIndex } from "../publish/update-index.ts";
import { RepositoryView } from "./repository-view.ts";
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
    const warn = (message: string): void => void warnings.push(message);
    view = new RepositoryView(new DirectoryStore(root), at.home, warn);
  });
  afterEach(() => at.close());

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
    putFile(folder, "model.onnx", model);
    putFile(folder, "manifest.json", manifest);
    await updateIndex(new DirectoryStore(root), async ({ models, removed }) => ({
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

  async function champion(): Promise<number | null> {
    nowMs += 3_000;
    return (await view.champions(["churn"], nowMs)).get("churn")?.version ?? null;
  }

  it("gives the champion with copies of its files, and follows it", async () => {
    assert.equal(await champion(), null);
    await publish(1);
    assert.equal(await champion(), 1);
    const found = (await view.champions(["churn"], nowMs)).get("churn");
    assert.equal(readFileSync(found?.modelPath ?? "", "utf8"), "model 1");
    await publish(2);
    assert.equal(await champion(), 2);
    assert.deepEqual(warnings, []);
  });

  it("looks again only after two seconds, or when told to forget", async () => {
    assert.equal(await champion(), null);
    await publish(1);
    assert.equal((await view.champions(["churn"], nowMs + 1_999)).size, 0);
    view.forget();
    assert.equal((await view.champions(["churn"], nowMs)).size, 1);
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
    assert.match(warnings[0] ?? "", /went back from generation 1 to 0/);
  });

  it("takes no files that are not what the index names", async () => {
    await publish(1);
    putFile(join(root, "models/churn/versions/1"), "model.onnx", "model X");
    assert.equal(await champion(), null);
    assert.match(warnings[0] ?? "", /does not have the hash that names it/);
  });
});
