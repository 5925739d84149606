import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DirectoryStore } from "../publish/directory-store.ts";
import { IncomingWatch } from "./incoming.ts";
import { putFile } from "./testing/loop-data.ts";
import { openStoreHome, type StoreHome } from "./testing/store-kit.ts";

describe("incoming/", () => {
  let at: StoreHome;
  let warnings: string[] = [];
  let watch: IncomingWatch;
  let nowMs = 1_000_000;
  beforeEach(async () => {
    at = await openStoreHome();
    warnings = [];
    watch = newWatch();
  });
  afterEach(() => at.close());

  function newWatch(): IncomingWatch {
    const repository = new DirectoryStore(join(at.home, "models"));
    const warn = (message: string): void => void warnings.push(message);
    return new IncomingWatch({ store: at.store, repository, home: at.home, warn });
  }
  const pathOf = (name: string) => join(at.home, "models", "incoming", name);
  const put = (name: string, content: string): void =>
    putFile(join(at.home, "models", "incoming"), name, content);
  async function look(times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      nowMs += 2_000;
      await watch.look(nowMs);
    }
  }
  const candidates = () =>
    at.store.selectFrom("candidates").selectAll().orderBy("created_at_ms").execute();

  it("takes a file at the second look, whole, and away", async () => {
    put("churn/model.onnx", "some model");
    await look(1);
    assert.deepEqual(await candidates(), []);
    await look(1);
    const [candidate] = await candidates();
    assert.deepEqual(
      [candidate?.model, candidate?.origin, candidate?.stage],
      ["churn", "incoming", "compiled"],
    );
    const { modelPath } = JSON.parse(candidate?.files_json ?? "");
    assert.equal(readFileSync(modelPath, "utf8"), "some model");
    assert.equal(existsSync(pathOf("churn/model.onnx")), false);
    assert.deepEqual(await at.events(), ["candidate.arrived"]);
  });

  it("does not take a file that still grows", async () => {
    for (const content of ["s", "so", "some"]) {
      put("churn/model.onnx", content);
      await look(1);
      assert.deepEqual(await candidates(), []);
    }
    await look(1);
    assert.equal((await candidates()).length, 1);
  });

  it("takes the same bytes once, says so, and takes them away", async () => {
    put("churn/model.onnx", "some model");
    await look(2);
    put("churn/again.onnx", "some model");
    await look(2);
    const [candidate, ...others] = await candidates();
    assert.deepEqual(others, []);
    assert.deepEqual(warnings, [
      `incoming/churn/again.onnx was taken before, as ${candidate?.id}; it is not tried again`,
    ]);
    assert.equal(existsSync(pathOf("churn/again.onnx")), false);
  });

  it("takes the same bytes for another model", async () => {
    put("churn/model.onnx", "some model");
    put("fraud/model.onnx", "some model");
    await look(2);
    assert.deepEqual((await candidates()).map(({ model }) => model).sort(), ["churn", "fraud"]);
  });

  it("goes on after a crash between candidate and file", async () => {
    put("churn/model.onnx", "some model");
    await look(2);
    put("churn/model.onnx", "some model");
    watch = newWatch();
    await look(2);
    assert.equal((await candidates()).length, 1);
    assert.equal(existsSync(pathOf("churn/model.onnx")), false);
  });

  it("leaves alone what is no model of a good name", async () => {
    const names = ["churn/readme.txt", "model.onnx", "a/b/model.onnx", ".hidden/model.onnx"];
    for (const name of names) put(name, "some model");
    await look(3);
    assert.deepEqual(await candidates(), []);
    for (const name of names) assert.equal(existsSync(pathOf(name)), true, name);
  });
});
