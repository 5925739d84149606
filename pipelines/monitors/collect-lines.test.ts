import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { readLines } from "./collect-lines.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-lines-"));
after(() => rmSync(root, { recursive: true }));

describe("lines of a file", () => {
  it("joins chunks, keeps a last line without an end, and gives up on one that is too long", async () => {
    const path = join(root, "lines");
    const long = "é".repeat(100_000);
    writeFileSync(path, `one\n\n${long}\n${"x".repeat(300_000)}\nlast`);
    const lines: (string | null)[] = [];
    for await (const line of readLines(path, 250_000)) lines.push(line);
    assert.deepEqual(lines, ["one", long, null, "last"]);
  });
});
