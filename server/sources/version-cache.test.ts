import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { VersionCache } from "./version-cache.ts";

const SHA256 = "0".repeat(64);

describe("a version in the cache", () => {
  let home = "";
  before(() => {
    home = mkdtempSync(join(tmpdir(), "sluice-cache-"));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it("is deleted when it is not whole, but not when the disk cannot be read just now", async () => {
    const cache = new VersionCache(home);
    const folder = join(cache.root, "versions", SHA256);
    // Stands for any failure to read but "not there": a folder cannot be read as a file.
    mkdirSync(join(folder, "manifest.json"), { recursive: true });
    await assert.rejects(cache.find(SHA256), { code: "EISDIR" });
    assert.ok(existsSync(folder));
    rmSync(join(folder, "manifest.json"), { recursive: true });
    writeFileSync(join(folder, "manifest.json"), "{}");
    assert.equal(await cache.find(SHA256), null);
    assert.ok(!existsSync(folder));
  });
});
