import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseManifest, sha256Hex } from "../../protocols/repository/documents.ts";

/**
 * Asserts that every version folder of a home's cache is whole, byte for byte.
 * @returns how many there are
 */
export function assertCacheWhole(home: string): number {
  const versions = join(home, "cache", "versions");
  const folders = readdirSync(versions);
  for (const folder of folders) {
    const manifest = readFileSync(join(versions, folder, "manifest.json"));
    assert.equal(sha256Hex(manifest), folder, "the manifest is the one that names the folder");
    for (const file of parseManifest("manifest.json", manifest).files) {
      const bytes = readFileSync(join(versions, folder, file.path));
      assert.equal(sha256Hex(bytes), file.sha256, `${folder}/${file.path}`);
    }
  }
  return folders.length;
}

/** Names under the cache that only what is under way may have: downloads, vetting, writes. */
export function leftovers(home: string): readonly string[] {
  return readdirSync(join(home, "cache"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)(\.tmp-|work-)|\.tmp$/.test(name),
  );
}
