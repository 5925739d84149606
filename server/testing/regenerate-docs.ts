/** Rewrites the generated parts of the docs: `node dist/server/testing/regenerate-docs.js`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fillSection, GENERATED_SECTIONS } from "./generated-docs.ts";
import { REPOSITORY_ROOT } from "./test-files.ts";

for (const section of GENERATED_SECTIONS) {
  const path = join(REPOSITORY_ROOT, section.page);
  const before = section.marker === null ? readIfThere(path) : readFileSync(path, "utf8");
  const after = fillSection(before, section);
  if (after !== before) writeFileSync(path, after);
  process.stdout.write(`${section.page}: ${after === before ? "unchanged" : "rewritten"}\n`);
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
