import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { findPeer, PEERS } from "./peer.ts";
import { isSetUp, type PeerEnvironment, peerEnvironment } from "./peer-environment.ts";

export interface SetUpIo {
  readonly stderr: { write(text: string): void };
}

const PROGRESS_MS = 5000;
const LAST_WORDS = 12;

/**
 * Installs each peer's pinned packages into a virtual environment of its own under the user's cache
 * folder, from the package index that pip is configured for. What is complete already is left alone;
 * what a killed run left half done is made anew. Progress goes to stderr.
 * @param names empty: every peer that can run
 * @throws Error for a name that is unknown or cannot run here, when python3, its venv module or pip
 *   is missing, or when an installation fails
 */
export async function setUpPeers(names: readonly string[], io: SetUpIo): Promise<void> {
  const chosen = names.length > 0 ? names : PEERS.filter(canRun).map((peer) => peer.name);
  for (const name of chosen) {
    const { cannotRun } = findPeer(name);
    if (cannotRun !== null) throw new Error(`${name} cannot be set up: ${cannotRun}`);
  }
  for (const name of chosen) await setUpPeer(name, io);
}

function canRun(peer: { readonly cannotRun: string | null }): boolean {
  return peer.cannotRun === null;
}

async function setUpPeer(name: string, io: SetUpIo): Promise<void> {
  const environment = peerEnvironment(name);
  const say = (text: string) => io.stderr.write(`${name}: ${text}\n`);
  if (isSetUp(environment)) {
    say(`is set up in ${environment.folder}`);
    return;
  }
  const startMs = performance.now();
  await rm(environment.folder, { recursive: true, force: true });
  await mkdir(dirname(environment.folder), { recursive: true });
  say(`installing ${countPackages(environment)} packages into ${environment.folder}`);
  const create = ["-m", "venv", environment.folder];
  await run("python3", create, say, "expected python3 with its venv and ensurepip modules");
  const install = ["-m", "pip", "install", "--no-deps", "--progress-bar", "off"];
  const pipArgs = [...install, "-r", environment.requirementsFile];
  await run(environment.python, pipArgs, say, "pip could not install the pinned packages");
  await writeFile(environment.marker, "");
  say(`set up in ${Math.round((performance.now() - startMs) / 1000)} s`);
}

/** @throws Error with `complaint` and the last lines of output */
async function run(
  command: string,
  args: readonly string[],
  say: (text: string) => void,
  complaint: string,
): Promise<void> {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => lines.push(line.trim()));
  }
  const timer = setInterval(() => say((lines.at(-1) ?? "working").slice(0, 100)), PROGRESS_MS);
  try {
    const code = await new Promise<number | null>((resolve) => {
      child.once("error", () => resolve(null));
      child.once("close", resolve);
    });
    if (code === 0) return;
    throw new Error([`${complaint}:`, ...lines.slice(-LAST_WORDS)].join("\n"));
  } finally {
    clearInterval(timer);
  }
}

function countPackages(environment: PeerEnvironment): number {
  return readFileSync(environment.requirementsFile, "utf8").trim().split("\n").length;
}
