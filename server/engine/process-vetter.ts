import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setPriority } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Signature } from "../../protocols/core/signature.ts";
import { parseManifest, sha256Hex } from "../../protocols/repository/documents.ts";
import { MANIFEST_FILE } from "../../protocols/repository/layout.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import { siblingUrl } from "../lib/sibling-url.ts";
import { VetRefusal, type VetReport, type Vetter } from "../models/loader.ts";
import type { LocalVersion } from "../models/source.ts";
import type { EngineName } from "./pick-engine.ts";
import { readPeakRssBytes } from "./read-peak-rss.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

export interface VetterOptions {
  /** The engine that will serve: it judges, and its verdicts are its own. */
  readonly engine: EngineName;
  /** Folder for verdicts, one small file per version content. */
  readonly verdictDir: string;
  readonly timeoutMs: number;
  /** The child is killed above this resident size (where /proc tells it). */
  readonly maxRssBytes: number;
}

/** Changes when the rules of judgeModel do, so that old verdicts are not believed. */
const RULES_VERSION = 2;
/** Another runtime may load what this one refuses, and mix rows where this one does not. */
const RUNTIME = `${runtimeVersion()} ${process.platform} ${process.arch}`;
const RSS_POLL_MS = 50;
const LOW_PRIORITY = 10;

/** Judges versions in a child process; see Vetter for the contract. */
export function createProcessVetter(options: VetterOptions): Vetter {
  return {
    vet: async (version, signal) => {
      const { files, signature } = readManifest(version);
      const path = verdictPath(options, files, signature);
      const known = readVerdict(path);
      if (known !== null) return settleVerdict(known);
      const { engine } = options;
      const order = { engine, directory: version.directory, signature };
      const verdict = await judgeInChild(options, order, signal);
      keepVerdict(path, verdict);
      return settleVerdict(verdict);
    },
  };
}

function runtimeVersion(): string {
  const require = createRequire(import.meta.url);
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  return version;
}

export type Verdict =
  | { readonly kind: "passed"; readonly report: VetReport }
  | { readonly kind: "refused"; readonly reason: string };

function settleVerdict(verdict: Verdict): VetReport {
  if (verdict.kind === "refused") throw new VetRefusal(verdict.reason);
  return verdict.report;
}

function readManifest({ directory }: LocalVersion): Manifest {
  return parseManifest(MANIFEST_FILE, readFileSync(join(directory, MANIFEST_FILE)));
}

/** By what was judged and with what: files, signature and engine, not the version's number. */
function verdictPath(
  options: VetterOptions,
  files: Manifest["files"],
  signature: Signature,
): string {
  const judged = new TextEncoder().encode(
    JSON.stringify([files, signature, options.engine, RUNTIME]),
  );
  return join(options.verdictDir, `${sha256Hex(judged)}.v${RULES_VERSION}.json`);
}

function readVerdict(path: string): Verdict | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Verdict;
  } catch {
    // Not there, or torn by a crash: judge again.
    return null;
  }
}

/** Kept to save the next start the work: a disk that is full or read-only fails no version. */
function keepVerdict(path: string, verdict: Verdict): void {
  try {
    writeFileSync(`${path}.tmp`, JSON.stringify(verdict));
    renameSync(`${path}.tmp`, path);
  } catch {
    rmSync(`${path}.tmp`, { force: true });
  }
}

async function judgeInChild(
  options: VetterOptions,
  order: VetOrder,
  signal: AbortSignal,
): Promise<Verdict> {
  mkdirSync(options.verdictDir, { recursive: true });
  const cwd = mkdtempSync(join(options.verdictDir, "work-"));
  const child = fork(fileURLToPath(siblingUrl(import.meta.url, "vet-child")), [], {
    cwd,
    env: { ORT_DISABLE_TELEMETRY: "1" },
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  try {
    return await watchChild(child, options, order, signal);
  } finally {
    child.kill("SIGKILL");
    rmSync(cwd, { recursive: true, force: true });
  }
}

function watchChild(
  child: ChildProcess,
  options: VetterOptions,
  order: VetOrder,
  signal: AbortSignal,
): Promise<Verdict> {
  return new Promise<Verdict>((resolve, reject) => {
    let verdict: Verdict | null = null;
    let peakRssBytes = 0;
    let stderr = "";
    let stopped: Error | null = null;
    const stop = (error: Error) => {
      stopped ??= error;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(
      () => stop(new Error(`vetting took longer than ${options.timeoutMs} ms (vetTimeoutMs)`)),
      options.timeoutMs,
    );
    const lookAtMemory = () => {
      peakRssBytes = Math.max(peakRssBytes, readPeakRssBytes(child.pid));
      if (peakRssBytes <= options.maxRssBytes) return;
      const used = `${peakRssBytes} bytes of memory, more than ${options.maxRssBytes}`;
      stop(new Error(`vetting used ${used} (vetMaxRssBytes)`));
    };
    const poll = setInterval(lookAtMemory, RSS_POLL_MS);
    const onAbort = () => stop(new Error("vetting was stopped"));
    signal.addEventListener("abort", onAbort, { once: true });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-2000);
    });
    child.on("message", (message: VetMessage) => {
      if (message.kind === "refused") verdict = message;
      else {
        lookAtMemory();
        verdict = { kind: "passed", report: { ...message.report, peakRssBytes } };
      }
      // It has said all. Its own end would take time that the version waits for.
      child.kill("SIGKILL");
    });
    child.on("error", (error) => stop(error));
    child.on("close", (exitCode, signalName) => {
      clearTimeout(timer);
      clearInterval(poll);
      signal.removeEventListener("abort", onAbort);
      const judged = judgeEnd({ verdict, stopped, signalName, exitCode, stderr });
      if (judged instanceof Error) reject(judged);
      else resolve(judged);
    });
    if (signal.aborted) onAbort();
    try {
      child.send(order);
    } catch (thrown) {
      // It could not be started; "close" still comes and cleans up.
      stop(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
    if (child.pid !== undefined) trySetPriority(child.pid);
  });
}

/** What is known of a child that has ended. */
export interface ChildEnd {
  /** What it said last; null: nothing. */
  readonly verdict: Verdict | null;
  /** Why we ended it; null where we did not, or only because it had said all. */
  readonly stopped: Error | null;
  readonly signalName: string | null;
  readonly exitCode: number | null;
  readonly stderr: string;
}

/**
 * The verdict of a child, or why there is none. A refusal is the model's own fault whatever else it did
 * on the way, and must be kept: an error would be tried again for ever.
 */
export function judgeEnd(end: ChildEnd): Verdict | Error {
  const { verdict, stopped, signalName, exitCode, stderr } = end;
  if (verdict?.kind === "refused") return verdict;
  if (stopped !== null) return stopped;
  if (verdict !== null) return verdict;
  if (signalName !== null && signalName !== "SIGKILL") return blameCrash(signalName, stderr);
  const how = signalName ?? `exit code ${exitCode}`;
  return new Error(`vetting ended without a verdict (${how}) ${lastLine(stderr)}`);
}

/** The judge died of the model: that is a verdict, and the same bytes would do it again. */
function blameCrash(signal: string, stderr: string): Verdict {
  return {
    kind: "refused",
    reason: `it crashed the vetting process (${signal}) ${lastLine(stderr)}`,
  };
}

function lastLine(stderr: string): string {
  return (stderr.trim().split("\n").at(-1) ?? "").slice(0, 300);
}

function trySetPriority(pid: number): void {
  try {
    setPriority(pid, LOW_PRIORITY);
  } catch {
    // Ended already, or not permitted: vetting then competes with serving, nothing worse.
  }
}
