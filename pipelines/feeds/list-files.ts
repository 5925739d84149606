import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { JobError } from "../jobs/job-error.ts";

export interface FoundFile {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly changedMs: number;
  /** Why it cannot be read; null: nothing is known against it. */
  readonly problem: string | null;
}

/** A file that was written to within this time may still grow. */
const QUIET_MS = 1000;
/** A modification time further in the future is a wrong clock, not a writer at work. */
const MAX_SKEW_MS = 60_000;
const UNFINISHED = /\.(tmp|part|open)$/i;

/**
 * Regular files of a folder whose name fits the pattern (`*` stands for any characters), ordered by
 * name; without those that are still being written.
 * A link that leads out of it is listed with its problem. Rejects with JobError when there is no such folder.
 */
export async function listFiles(
  folder: string,
  pattern: string,
  nowMs: number,
): Promise<FoundFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new JobError(
      `the feed's folder ${folder} cannot be read: ${error.code ?? "unknown error"}`,
    );
  });
  const fits = patternOf(pattern);
  const found: FoundFile[] = [];
  for (const name of names.filter((each) => fits.test(each) && !UNFINISHED.test(each)).sort()) {
    const path = join(folder, name);
    const looked = await statInside(folder, path);
    if (looked === null) continue;
    const { stats, problem } = looked;
    if (problem === null && (!stats.isFile() || isGrowing(stats, nowMs))) continue;
    found.push({ name, path, bytes: stats.size, changedMs: stats.ctimeMs, problem });
  }
  return found;
}

function patternOf(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

interface Looked {
  /** Of the link itself when there is a problem. */
  readonly stats: Stats;
  readonly problem: string | null;
}

/** null for a file that is gone. */
async function statInside(folder: string, path: string): Promise<Looked | null> {
  try {
    const own = await lstat(path);
    const problem = own.isSymbolicLink() ? await explainLink(folder, path) : null;
    return { stats: problem === null ? await stat(path) : own, problem };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Why the link is not followed; null: it stays within the folder. */
async function explainLink(folder: string, path: string): Promise<string | null> {
  try {
    const target = await realpath(path);
    if (target.startsWith((await realpath(folder)) + sep)) return null;
    return "it is a link out of the feed's folder, which is not followed";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ELOOP") {
      return "it is a link to itself";
    }
    throw error;
  }
}

function isGrowing({ mtimeMs }: Stats, nowMs: number): boolean {
  const ageMs = nowMs - mtimeMs;
  return ageMs < QUIET_MS && ageMs > -MAX_SKEW_MS;
}

/** Rejects with a transient JobError if a file is no longer what was listed. */
export async function assertUnchanged(files: readonly FoundFile[]): Promise<void> {
  for (const { path, bytes, changedMs } of files) {
    const now = await stat(path).catch(() => null);
    if (now === null || now.size !== bytes || now.ctimeMs !== changedMs) {
      throw new JobError(`${path} changed while it was read`, true);
    }
  }
}

/** SHA-256 of a file's content, in hex. Reads in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
