import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openStore, storePath } from "../store/store.ts";
import { captureIo } from "./testing/capture-io.ts";
import { validateProject } from "./validate-project.ts";

describe("the project's part of sluice validate", () => {
  let projectFile = "";
  before(() => {
    projectFile = join(mkdtempSync(join(tmpdir(), "sluice-validate-")), "sluice.yaml");
  });
  after(() => rmSync(join(projectFile, ".."), { recursive: true }));
  const check = async (isRequired: boolean, trainerCommands: readonly string[] = []) => {
    const { io, out } = captureIo();
    const home = join(projectFile, "..", "home");
    await validateProject({ projectFile, isRequired, trainerCommands, home }, io);
    return out();
  };

  it("is silent where there is no project, unless one was named", async () => {
    assert.equal(await check(false), "");
    await assert.rejects(check(true), /cannot read the project file/);
  });

  it("is one line, and knows the trainers that the settings allow", async () => {
    writeFileSync(
      projectFile,
      `schemaVersion: 1
project: shop
feeds:
  orders: {dataset: orders, everySecs: 5, connector: {kind: files, path: "x/*.csv", format: csv}}
datasets: {orders: {}}
models:
  churn:
    {dataset: orders, target: y, task: binary, features: [a], trainer: {kind: command, name: xgb}}
`,
    );
    assert.equal(
      await check(false, ["xgb=python3 train.py"]),
      `OK: ${projectFile}, project shop: 1 feed, 1 dataset, 1 model, 0 outlets, 0 rules\n`,
    );
    await assert.rejects(check(false, ["xgbo=x"]), /came 'xgb' \(did you mean 'xgbo'\?\)/);
  });

  it("knows the contracts that the store holds", async () => {
    const text = (max: number) => `schemaVersion: 1
project: shop
feeds:
  orders: {dataset: orders, everySecs: 5, connector: {kind: files, path: "x/*.csv", format: csv}}
datasets: {orders: {contract: {columns: {a: {max: ${max}}}}}}
`;
    const store = await openStore(storePath(join(projectFile, "..", "home")));
    const inferred = { version: 1, columns: { a: { type: "number", min: 5 } }, minRows: null };
    await store
      .insertInto("contracts")
      .values({
        dataset: "orders",
        version: 1,
        inferred_json: JSON.stringify(inferred),
        effective_json: "{}",
        overrides_sha256: "",
        created_at_ms: 1,
      })
      .execute();
    await store.destroy();
    writeFileSync(projectFile, text(4));
    await assert.rejects(check(true), /datasets\.orders\.contract: .*'min' 5 is above 'max' 4/);
    writeFileSync(projectFile, text(6));
    assert.match(await check(true), /^OK/);
  });
});
