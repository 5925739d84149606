/**
 * `npm test`: runs the compiled tests, each file in a process of its own, and says at the end what
 * was skipped and why. With SLUICE_TEST_REQUIRE_ALL=1 a skip is a failure: CI must run everything.
 * Arguments choose files or folders. Exit code 1 on any failure.
 */
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { listTestFiles, REPOSITORY_ROOT } from "./test-files.ts";
import { TestTally } from "./test-tally.ts";

const CONCURRENCY = 2;
const FILE_TIMEOUT_MS = 900_000;

/** Streams the runner's report to standard output; resolves with the counts. */
async function runFiles(files: readonly string[]): Promise<TestTally> {
  const tally = new TestTally(REPOSITORY_ROOT);
  const report = new spec();
  report.pipe(process.stdout, { end: false });
  const events = run({
    files: [...files],
    concurrency: CONCURRENCY,
    timeout: FILE_TIMEOUT_MS,
  });
  for await (const event of events) {
    if (tally.take(event)) report.write(event);
  }
  report.end();
  await finished(report);
  return tally;
}

async function main(): Promise<number> {
  const files = listTestFiles(REPOSITORY_ROOT, process.argv.slice(2));
  if (files.length === 0) throw new Error("no compiled test found under dist; is it built?");
  const mustRunAll = process.env["SLUICE_TEST_REQUIRE_ALL"] === "1";
  const tally = await runFiles(files);
  process.stdout.write(tally.summary(mustRunAll));
  return tally.isGood(mustRunAll) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
