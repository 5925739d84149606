import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DirectoryStore } from "../publish/directory-store.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import { IncomingWatch } from "./incoming.ts";

/** Counts what is read, and can refuse to take anything away. */
class WatchedStore extends DirectoryStore {
  reads = 0;
  isReadOnly = false;

  override read(path: string, maxBytes: number) {
    this.reads += 1;
    return super.read(path, maxBytes);
  }

  override async remove(path: string) {
    if (this.isReadOnly) throw new Error("read-only");
    await super.remove(path);
  }
}

describe("IncomingWatch", () => {
  let home = "";
  let store: Store;
  let repository: WatchedStore;
  let watch: IncomingWatch;
  let warnings: string[] = [];
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-incoming-"));
    store = await openStore(storePath(home));
    repository = new WatchedStore(join(home, "models"));
    warnings = [];
    watch = new IncomingWatch({ store, repository, home, warn: (text) => warnings.push(text) });
  });
  afterEach(async () => {
    await store.destroy();
    rmSync(home, { recursive: true });
  });

  const put = (content: string, model = "delay") => {
    const path = join(home, "models", "incoming", model, "any.onnx");
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  const candidates = () => store.selectFrom("candidates").select(["model", "files_json"]).execute();

  it("reads a model once, when it was the same at two looks, and takes it away", async () => {
    const path = put("one");
    await watch.look(1);
    put("one, and more");
    await watch.look(2);
    assert.deepEqual([repository.reads, await candidates()], [0, []]);
    await watch.look(3);
    const [candidate] = await candidates();
    assert.equal(candidate?.model, "delay");
    const { modelPath } = JSON.parse(candidate?.files_json ?? "{}");
    assert.equal(readFileSync(modelPath, "utf8"), "one, and more");
    await watch.look(4);
    assert.deepEqual([repository.reads, existsSync(path)], [1, false]);
    assert.deepEqual(warnings, []);
  });

  it("reads it once where it cannot be taken away, says so once, and goes on trying", async () => {
    const path = put("one");
    repository.isReadOnly = true;
    for (let look = 0; look < 5; look += 1) await watch.look(look);
    assert.deepEqual([repository.reads, (await candidates()).length], [1, 1]);
    assert.deepEqual(warnings, ["incoming/delay/any.onnx was not taken: read-only"]);
    repository.isReadOnly = false;
    await watch.look(6);
    assert.deepEqual([repository.reads, existsSync(path)], [1, false]);
  });

  it("does not try the same bytes again", async () => {
    for (let round = 0; round < 2; round += 1) {
      put("one");
      await watch.look(1);
      await watch.look(2);
    }
    assert.equal((await candidates()).length, 1);
    assert.match(warnings.join(), /was taken before, as incoming-.*; it is not tried again/);
  });
});
