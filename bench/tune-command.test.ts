import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { mlpModel } from "./mlp-model.ts";
import type { SearchResult } from "./tune/search.ts";
import type { TuneReport } from "./tune/tune-report.ts";
import { runTune } from "./tune-command.ts";

const MAIN = fileURLToPath(new URL("../server/main.js", import.meta.url));
const ANSWERED = ["better", "not-better", "unconfirmed", "over-limit"];

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tune-test-"));
});
after(() => rm(folder, { recursive: true }));

/** `sluice tune` in a process of its own. */
function tune(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, "tune", ...args],
      { cwd: folder },
      (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), stdout, stderr });
      },
    );
  });
}

/** In this process: for what is refused before anything starts. */
async function refusal(...argv: string[]): Promise<readonly [number, string]> {
  let stderr = "";
  const sink = { write: (text: string) => (stderr += text) };
  const code = await runTune(argv, { stdout: { write: () => undefined }, stderr: sink });
  return [code, stderr];
}

describe("sluice tune", () => {
  test("measures a model and writes what it settled into server.yaml", async () => {
    const modelFile = join(folder, "tiny.onnx");
    await writeFile(modelFile, mlpModel());
    await writeFile(join(folder, "server.yaml"), "# mine\nmaxQueue: 100\nengineThreads: 1\n");
    const { code, stdout, stderr } = await tune(
      ...["--model-file", modelFile, "--connections", "4", "--pairs", "2"],
      ...["--duration-secs", "0.5", "--warmup-secs", "0.1", "--only", "maxBatchRows"],
      ...["--write", "server.yaml", "--json", "tune.json"],
    );
    const json = await readFile(join(folder, "tune.json"), "utf8").catch(() => null);
    assert.ok(json !== null, stderr);
    const report = JSON.parse(json) as Omit<TuneReport, "conclusion"> & {
      conclusion: { settled: Record<string, number> };
    };
    const { result } = report;
    assert.equal(result.start.maxBatchRows, 64);
    assert.ok(result.trials.some(({ key }) => key === "maxBatchRows"));
    for (const { first } of result.trials) {
      assert.ok(first.kind === "measured", JSON.stringify(first));
      assert.equal(first.requestsRatio.pairs.length, 2);
      assert.ok(first.candidate.requestsPerSec > 0 && first.candidate.p99Ms > 0);
    }
    // What the machine gave is not ours to know; what is made of it is.
    assert.equal(code, isAnswered(result) ? 0 : 1, stderr);
    assert.match(stdout, /\| maxBatchRows +\| +64 \| +1 \|/);
    const text = await readFile(join(folder, "server.yaml"), "utf8");
    const { settled } = report.conclusion;
    assert.deepEqual(parse(text), { maxQueue: 100, engineThreads: 1, ...settled });
    assert.ok(text.startsWith("# mine\n"));
    const isWritten = Object.keys(settled).length > 0;
    assert.equal(text.includes(`tiny.onnx, sha256 ${report.model.sha256}`), isWritten);
    assert.ok(report.warnings.some((warning) => warning.includes("the file sets engineThreads")));
  });

  test("refuses before it measures, with what was expected", async () => {
    const list = join(folder, "list.yaml");
    await writeFile(list, "- 1\n");
    const mlp = ["--model-file", "mlp"];
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [[], 2, /required option '--model-file <file>'/],
      [[...mlp, "--only", "thread"], 2, /expected a list of threads,.*got 'thread'/],
      [[...mlp, "--protocol", "websocket"], 2, /http-json, http-binary, grpc/],
      [[...mlp, "--pairs", "1"], 2, /--pairs: expected 2 or more/],
      [[...mlp, "--p99-ms", "0"], 2, /expected a number above 0/],
      [[...mlp, "--write", list], 2, /--write .*list\.yaml: expected 'key: value' lines/],
      [[...mlp, "--shape", "z=1,2"], 1, /--shape z=…: the model's inputs are x/],
      [["--model-file", join(folder, "none.onnx")], 1, /ENOENT/],
    ];
    for (const [argv, code, message] of cases) {
      const [ended, stderr] = await refusal(...argv);
      assert.equal(ended, code, stderr);
      assert.match(stderr, message);
    }
  });
});

function isAnswered({ trials, isFinalCheckPassed }: SearchResult): boolean {
  return isFinalCheckPassed && trials.every(({ verdict }) => ANSWERED.includes(verdict));
}
