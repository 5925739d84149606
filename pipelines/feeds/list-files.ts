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
}

/** A file that was written to within this time may still grow. */
const QUIET_MS = 1000;
/** A modification time further in the future is a wrong clock, not a writer at work. */
const MAX_SKEW_MS = 60_000;
const UNFINISHED = /\.(tmp|part|open)$/i;

/**
 * Regular files of a folder whose name fits the pattern (`*` stands for any characters), ordered by
 * name; without those that are still being written.
 * Rejects with JobError when there is no such folder or a link leads out of it.
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
    const stats = await statInside(folder, path);
    if (stats === null || !stats.isFile() || isGrowing(stats, nowMs)) continue;
    found.push({ name, path, bytes: stats.size, changedMs: stats.ctimeMs });
  }
  return found;
}

function patternOf(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

/** null for a file that is gone. */
async function statInside(folder: string, path: string): Promise<Stats | null> {
  try {
    if ((await lstat(path)).isSymbolicLink()) {
      const target = await realpath(path);
      if (!target.startsWith((await realpath(folder)) + sep)) {
        throw new JobError(`${path} is a link out of the feed's folder: it is not followed`);
      }
    }
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
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
