import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { STATUS_CODES, STATUS_TABLE, type StatusCode } from "../../protocols/core/status.ts";
import { fillSection, GENERATED_SECTIONS } from "./generated-docs.ts";
import { REPOSITORY_ROOT } from "./test-files.ts";

const REMEDY = "run: node dist/server/testing/regenerate-docs.js";

function readPage(page: string): string {
  return readFileSync(join(REPOSITORY_ROOT, page), "utf8");
}

describe("the generated parts of the docs", () => {
  for (const section of GENERATED_SECTIONS) {
    it(`${section.page} (${section.marker}) is what the code says`, () => {
      const text = readPage(section.page);
      assert.equal(text, fillSection(text, section), REMEDY);
    });
  }

  it("refuses a page without markers", () => {
    const [section] = GENERATED_SECTIONS;
    assert.ok(section !== undefined);
    assert.throws(() => fillSection("# Errors\n", section), /lacks the markers/);
  });
});

describe("errors.md and the status table", () => {
  // Read from the page's text, not through the renderer, so that a wrong renderer is caught too.
  const rows = [
    ...readPage("deploy/docs/errors.md").matchAll(
      /^\| `([a-z-]+)` *\| ([0-9]+) *\| ([0-9]+) [A-Z_]+ *\| ([0-9]+) *\| (yes|no) *\|/gm,
    ),
  ].map(([, code, http, grpc, ws, retry]) => [code, Number(http), Number(grpc), Number(ws), retry]);

  it("list the same codes with the same numbers", () => {
    const expected = STATUS_CODES.map((code: StatusCode) => {
      const row = STATUS_TABLE[code];
      return [code, row.http, row.grpc, row.ws, row.retryable ? "yes" : "no"];
    });
    assert.deepEqual(rows, expected, REMEDY);
  });
});
