import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findProgram, needs } from "./skip.ts";

describe("needs", () => {
  const path = process.env["PATH"];
  let folder = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-skip-"));
    process.env["PATH"] = folder;
  });
  after(async () => {
    process.env["PATH"] = path;
    await rm(folder, { recursive: true });
  });

  it("skips with a reason that names what to install, and only then", async () => {
    assert.match(String(needs("chromium").skip), /^needs .*apt-get install chromium/);
    await writeFile(join(folder, "redis-server"), "#!/bin/sh\n");
    assert.match(String(needs("chromium").skip), /chromium/);
    assert.equal(findProgram("redis-server"), null, "a file that cannot run is not a program");
    await chmod(join(folder, "redis-server"), 0o755);
    assert.deepEqual(needs("redis"), { skip: false });
    assert.match(String(needs("redis", "chromium").skip), /^needs a chromium on PATH/);
  });
});
