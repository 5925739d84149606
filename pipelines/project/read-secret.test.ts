import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { JobError } from "../jobs/job-error.ts";
import { readSecretRef } from "./read-secret.ts";

describe("a secret by reference", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-secret-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("comes from the environment that is given", () => {
    assert.equal(readSecretRef({ env: "A" }, { A: "value\n" }, folder), "value\n");
  });

  it("comes from a file beside the project, without its last line end", () => {
    writeFileSync(join(folder, "key"), "a b\r\n");
    assert.equal(readSecretRef({ file: "key" }, {}, folder), "a b");
    assert.equal(readSecretRef({ file: join(folder, "key") }, {}, "/nowhere"), "a b");
  });

  it("says which reference is not set, empty or unreadable", () => {
    writeFileSync(join(folder, "empty"), "\n");
    const cases = [
      [{ env: "A" }, "the secret {env: A} is not set"],
      [{ env: "E" }, "the secret {env: E} is empty"],
      [{ file: "empty" }, "the secret {file: empty} is empty"],
      [{ file: "none" }, "the secret {file: none} cannot be read: ENOENT"],
    ] as const;
    for (const [ref, message] of cases) {
      assert.throws(() => readSecretRef(ref, { E: "" }, folder), new JobError(message));
    }
  });
});
