import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadProject } from "../project/load-project.ts";
import { readRunFacts } from "./read-run-facts.ts";

describe("what a run records of its code", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-facts-"));
    writeFileSync(join(folder, "sluice.yaml"), "schemaVersion: 1\nproject: shop\n");
  });
  after(() => rmSync(folder, { recursive: true }));
  const facts = () => readRunFacts(loadProject(join(folder, "sluice.yaml")));

  it("is the configuration and this program's lockfile outside of a checkout", async () => {
    const { gitCommit, gitDirty, lockfileSha256, configSha256 } = await facts();
    assert.equal(gitCommit, null);
    assert.equal(gitDirty, null);
    assert.match(lockfileSha256 ?? "", /^[0-9a-f]{64}$/);
    assert.equal(configSha256, loadProject(join(folder, "sluice.yaml")).sha256);
  });

  it("is also the commit of the project's checkout, and whether it was changed since", async () => {
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: folder });
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "-m", "first");
    const clean = await facts();
    assert.match(clean.gitCommit ?? "", /^[0-9a-f]{40}$/);
    assert.equal(clean.gitDirty, false);
    writeFileSync(join(folder, "sluice.yaml"), "schemaVersion: 1\nproject: shop2\n");
    const dirty = await facts();
    assert.equal(dirty.gitCommit, clean.gitCommit);
    assert.equal(dirty.gitDirty, true);
  });
});
