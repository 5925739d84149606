import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import { VersionCache } from "./version-cache.ts";

const SHA256 = "0".repeat(64);

/** A version whose graph is a link to `target`. */
async function fillWith(cache: VersionCache, target: string) {
  const manifest: Manifest = {
    ...{ schemaVersion: 1, model: "m", version: 1, opset: { "": 17 }, breaking: false },
    files: [{ path: "model.onnx", bytes: 1, sha256: SHA256 }],
    signature: { inputs: [], outputs: [] },
    ...{ createdAt: "2026-01-01T00:00:00.000Z", lineage: {} },
  };
  const bytes = serializeDocument(manifest);
  symlinkSync(target, join(await cache.openPartial("linked"), "model.onnx"));
  return cache.commit("linked", sha256Hex(bytes), bytes);
}

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
    const found = await fillWith(cache, "x".repeat(300));
    await assert.rejects(cache.find(found.manifestSha256), { code: "ENAMETOOLONG" });
    assert.ok(existsSync(found.directory));
    writeFileSync(join(folder, "manifest.json"), "{}");
    assert.equal(await cache.find(SHA256), null);
    assert.ok(!existsSync(folder));
  });
});
