import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { ModelFormatError } from "../../protocols/onnx/model-format-error.ts";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import { GOLDEN_FILE, MANIFEST_FILE, MODEL_FILE } from "../../protocols/repository/layout.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import type { Config } from "../config/config.ts";
import { type ConfigInputs, loadConfig } from "../config/load.ts";
import { pickEngine } from "../engine/pick-engine.ts";
import { createProcessVetter } from "../engine/process-vetter.ts";
import type { VetReport } from "../models/loader.ts";
import type { LocalVersion } from "../models/source.ts";
import { type Io, UsageError } from "./io.ts";

export interface VetArgs {
  /** The model.onnx. */
  readonly file: string;
  /** File of requests with their answers; null for none. */
  readonly golden: string | null;
  /** One line of JSON instead of a report for people. */
  readonly json: boolean;
}

/** The line of `sluice vet --json`. */
interface VetLine {
  readonly outcome: "passed" | "refused";
  readonly reason: string | null;
  readonly goldenCount: number;
  readonly peakRssBytes: number | null;
}

/**
 * `sluice vet`: judges a model file as `serve` would before it lets it in: the same child process,
 * rules and limits (vetTimeoutMs, vetMaxRssBytes). Nothing is kept. Exit code 0: it may serve; 1:
 * it may not, and why.
 * @throws ConfigError, or UsageError for a file that cannot be read
 */
export async function vetCommand(args: VetArgs, inputs: ConfigInputs, io: Io): Promise<number> {
  const { config } = loadConfig(inputs);
  const folder = mkdtempSync(join(tmpdir(), "sluice-vet-"));
  try {
    const verdict = await judge(args, config, folder, io.cwd);
    const { report, ...line } = verdict;
    io.stdout.write(args.json ? `${JSON.stringify(line)}\n` : describe(line, report));
    return line.outcome === "passed" ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Verdict = VetLine & { readonly report: VetReport | null };

async function judge(args: VetArgs, config: Config, folder: string, cwd: string): Promise<Verdict> {
  try {
    const version = stage(args, folder, cwd);
    const vetter = createProcessVetter({
      engine: pickEngine(config.engine).name,
      verdictDir: join(folder, "verdicts"),
      timeoutMs: config.vetTimeoutMs,
      maxRssBytes: config.vetMaxRssBytes,
    });
    const report = await vetter.vet(version, new AbortController().signal);
    const { goldenCount, peakRssBytes } = report;
    return { outcome: "passed", reason: null, goldenCount, peakRssBytes, report };
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { outcome: "refused", reason, goldenCount: 0, peakRssBytes: null, report: null };
  }
}

/** The version's folder as a server would have it on its disk. @throws UsageError, ModelFormatError */
function stage(args: VetArgs, folder: string, cwd: string): LocalVersion {
  const files = [take(args.file, MODEL_FILE, folder, cwd)];
  if (args.golden !== null) files.push(take(args.golden, GOLDEN_FILE, folder, cwd));
  const summary = inspectModel(readFileSync(join(folder, MODEL_FILE)));
  if (summary.usesExternalData) {
    throw new ModelFormatError("the model keeps weights in other files; save it as one file");
  }
  const manifest: Manifest = {
    schemaVersion: 1,
    model: "vetted",
    version: 1,
    files,
    signature: {
      inputs: summary.signature.inputs.map((t) => ({ ...t, shape: [...t.shape] })),
      outputs: summary.signature.outputs.map((t) => ({ ...t, shape: [...t.shape] })),
    },
    opset: { ...summary.opset },
    breaking: false,
    createdAt: new Date().toISOString(),
    lineage: {},
  };
  const bytes = serializeDocument(manifest);
  writeFileSync(join(folder, MANIFEST_FILE), bytes);
  return { directory: folder, manifestSha256: sha256Hex(bytes), hints: null };
}

function take(file: string, name: string, folder: string, cwd: string): Manifest["files"][number] {
  const path = join(folder, name);
  try {
    copyFileSync(resolve(cwd, file), path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`${file}: cannot be read (${code ?? "unknown error"})`);
  }
  const bytes = readFileSync(path);
  return { path: name, bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
}

const MIB = 1024 * 1024;

function describe(line: VetLine, report: VetReport | null): string {
  if (report === null) return `refused: ${line.reason}\n`;
  const tensors = (all: VetReport["signature"]["inputs"]) =>
    all.map((t) => `${t.name} ${t.datatype}[${t.shape.join(",")}]`).join(", ");
  const sample =
    report.sampleMs === null ? "none could be run" : `${report.sampleMs.toFixed(2)} ms`;
  return [
    "passed",
    `  inputs    ${tensors(report.signature.inputs)}`,
    `  outputs   ${tensors(report.signature.outputs)}`,
    `  golden    ${report.goldenCount} requests answered as the trainer did`,
    `  batching  ${report.isBatchable ? "rows may be stacked" : "one request at a time"}`,
    `  sample    ${sample}`,
    `  memory    ${Math.ceil(report.peakRssBytes / MIB)} MiB at most`,
    "",
  ].join("\n");
}
