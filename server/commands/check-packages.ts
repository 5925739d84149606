import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Finding, finding } from "./doctor-check.ts";

const run = promisify(execFile);
const PROBE_TIMEOUT_MS = 30_000;

/**
 * Packages with native code are loaded in a child process: a binary that does not fit may end its
 * process, and doctor must live to say so.
 */
const ONNX_PROBE =
  'const { default: ort } = await import("onnxruntime-node"); process.stdout.write(ort.env.versions.node)';
const UWS_PROBE =
  'const { default: uws } = await import("uWebSockets.js"); if (typeof uws.App !== "function") throw new Error("it has no App")';

export async function checkOnnxRuntime(): Promise<Finding> {
  const { error, output } = await probe(ONNX_PROBE);
  return error === null
    ? finding("onnxruntime-node", "ok", `${output} loads`)
    : finding("onnxruntime-node", "fail", `does not load, so no model can run: ${error}`);
}

export async function checkSockets(): Promise<Finding> {
  const { error } = await probe(UWS_PROBE);
  return error === null
    ? finding("uWebSockets.js", "ok", "loads; HTTP and WebSocket run on it")
    : finding("uWebSockets.js", "warn", `does not load, so node:http serves (slower): ${error}`);
}

async function probe(code: string): Promise<{ error: string | null; output: string }> {
  try {
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code], {
      // Packages are found from the program's folder, not from where it was called.
      cwd: dirname(fileURLToPath(import.meta.url)),
      timeout: PROBE_TIMEOUT_MS,
    });
    return { error: null, output: stdout.trim() };
  } catch (failure) {
    return { error: reasonOf(failure as ProbeFailure), output: "" };
  }
}

interface ProbeFailure extends Error {
  readonly stderr?: string;
  readonly signal?: string | null;
}

function reasonOf(failure: ProbeFailure): string {
  const lines = (failure.stderr ?? "").split("\n").map((line) => line.trim());
  const said = lines.find((line) => /^[A-Za-z]*Error\b/.test(line));
  if (said !== undefined) return said.slice(0, 300);
  if (failure.signal) return `the process ended by ${failure.signal}`;
  return failure.message.split("\n")[0] ?? "unknown";
}
