import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Engine } from "../config/config.ts";
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

/**
 * The engine that `serve` would take. In a child too: the addon is native code.
 */
export async function checkEngine(setting: Engine): Promise<Finding> {
  const { error, output } = await probe(engineProbe(setting));
  if (error !== null) return finding("engine", "fail", error);
  const { name, text } = JSON.parse(output) as { name: string; text: string };
  const isSecondBest = setting === "auto" && name !== "native";
  return finding("engine", isSecondBest ? "warn" : "ok", text);
}

function engineProbe(setting: Engine): string {
  const url = JSON.stringify(new URL("../engine/pick-engine.js", import.meta.url).href);
  return `const { pickEngine } = await import(${url}); const { name, text } = pickEngine(${JSON.stringify(setting)}); process.stdout.write(JSON.stringify({ name, text }))`;
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
