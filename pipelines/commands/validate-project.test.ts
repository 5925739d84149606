import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { captureIo } from "./testing/capture-io.ts";
import { validateProject } from "./validate-project.ts";

describe("the project's part of sluice validate", () => {
  let projectFile = "";
  before(() => {
    projectFile = join(mkdtempSync(join(tmpdir(), "sluice-validate-")), "sluice.yaml");
  });
  after(() => rmSync(join(projectFile, ".."), { recursive: true }));
  const check = (isRequired: boolean, trainerCommands: readonly string[] = []) => {
    const { io, out } = captureIo();
    validateProject({ projectFile, isRequired, trainerCommands }, io);
    return out();
  };

  it("is silent where there is no project, unless one was named", () => {
    assert.equal(check(false), "");
    assert.throws(() => check(true), /cannot read the project file/);
  });

  it("is one line, and knows the trainers that the settings allow", () => {
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
      check(false, ["xgb=python3 train.py"]),
      `OK: ${projectFile}, project shop: 1 feed, 1 dataset, 1 model, 0 outlets, 0 rules\n`,
    );
    assert.throws(() => check(false, ["xgbo=x"]), /came 'xgb' \(did you mean 'xgbo'\?\)/);
  });
});
