import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runBench } from "../command.ts";
import type { BenchReport } from "../report.ts";

/** `sluice bench --scenario … --quick`: everything is real but the time that it takes. */
export async function runQuickly(scenario: string, ...more: string[]): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), "scenarios-test-"));
  const json = join(folder, `${scenario}.json`);
  const html = join(folder, `${scenario}.html`);
  let stderr = "";
  const argv = ["--scenario", scenario, "--quick", "--json", json, "--html", html, ...more];
  const io = {
    stdout: { write: () => undefined },
    stderr: { write: (text: string) => (stderr += text) },
  };
  try {
    const code = await runBench(argv, io);
    assert.equal(code, 0, stderr);
    assert.match(await readFile(html, "utf8"), /<h2 id=/);
    return JSON.parse(await readFile(json, "utf8")) as BenchReport;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Of all figures. */
export function figureNames(report: BenchReport): string[] {
  return report.scenarios.flatMap((scenario) => scenario.figures.map((figure) => figure.name));
}
