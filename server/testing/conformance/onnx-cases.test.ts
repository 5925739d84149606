import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { killLeftRunning } from "../serve-process.ts";
import { needs, onnxDataFolder } from "../skip.ts";
import { REPOSITORY_ROOT } from "../test-files.ts";
import { listCases, type OnnxCase, readCase } from "./onnx-case.ts";
import { judgeCase, type Miss, OUTCOMES, type Outcome } from "./outcome.ts";
import { askRuntime } from "./runtime-verdict.ts";
import { serveCases } from "./serve-cases.ts";

/** Every case costs a vetting: one in so many, unless all are asked for. */
const SAMPLE = 40;
const TAKES_ALL = process.env["SLUICE_TEST_ONNX_CASES"] === "all";

after(killLeftRunning);

type Counts = Record<Outcome, number>;

interface Tally {
  readonly counts: Counts;
  readonly misses: readonly Miss[];
}

async function judgeAll(cases: readonly OnnxCase[], args: readonly string[]): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-cases-"));
  const counts = Object.fromEntries(Object.keys(OUTCOMES).map((key) => [key, 0])) as Counts;
  const misses: Miss[] = [];
  const answers = await serveCases(cases, args);
  for (const each of cases) {
    const answer = answers.get(each.name);
    if (answer === undefined) throw new Error(`${each.name} was not asked`);
    const end = await judgeCase(each.name, answer, () => askRuntime(folder, each));
    if (typeof end === "string") counts[end] += 1;
    else misses.push(end);
  }
  rmSync(folder, { recursive: true });
  return { counts, misses };
}

/** The table of deploy/docs/conformance.md. */
function readCounts(): Counts {
  const page = readFileSync(join(REPOSITORY_ROOT, "deploy/docs/conformance.md"), "utf8");
  const entries = Object.entries(OUTCOMES).map(([outcome, what]) => {
    const row = page.split("\n").find((line) => line.startsWith(`| ${what} `)) ?? "";
    return [outcome, Number(/(\d+) *\|$/.exec(row)?.[1])];
  });
  return Object.fromEntries(entries) as Counts;
}

describe("ONNX's own test cases over HTTP", needs("onnx-data"), () => {
  const all = () => listCases(onnxDataFolder()).map(readCase);
  const sample = () => all().filter((_, i) => i % SAMPLE === 0);

  for (const engine of TAKES_ALL ? ["portable"] : ["auto", "portable"]) {
    it(`one in ${SAMPLE}, engine ${engine}: right in JSON and in binary, or refused with a reason`, async (t) => {
      const cases = sample();
      const { counts, misses } = await judgeAll(cases, ["--engine", engine]);
      t.diagnostic(JSON.stringify(counts));
      assert.deepEqual(misses, []);
      assert.ok(counts.passed > cases.length / 2);
    });
  }

  it("conformance.md counts every case", () => {
    const total = Object.values(readCounts()).reduce((sum, count) => sum + count, 0);
    assert.equal(total, all().length);
  });

  if (!TAKES_ALL) return;
  it("all, engine auto: the same, and conformance.md has the counts", async (t) => {
    const { counts, misses } = await judgeAll(all(), []);
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(misses, []);
    const published = readCounts();
    // What is refused for want of a locale is right where the locale is.
    const withLocale = (of: Counts) => ({ ...of, passed: of.passed + of.locale, locale: 0 });
    assert.deepEqual(withLocale(counts), withLocale(published));
  });
});
