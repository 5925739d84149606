import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { listCaptureFiles } from "./capture-files.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-captures-"));
after(() => rmSync(root, { recursive: true }));

describe("the capture folder", () => {
  it("lists closed files, oldest first", async () => {
    const folder = join(root, "captures");
    assert.deepEqual(await listCaptureFiles(folder), []);
    mkdirSync(folder);
    const names = ["1700000000002-b-000001.ndjson", "1700000000001-a-000002.ndjson"];
    for (const name of [...names, "1700000000003-a-000003.ndjson.open", "notes.ndjson"]) {
      writeFileSync(join(folder, name), "");
    }
    assert.deepEqual(
      await listCaptureFiles(folder),
      [...names].sort().map((name) => join(folder, name)),
    );
  });
});
