import { copyFileSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Gives a job's file its lasting name; the job's folder keeps its own name for it. Done again after a
 * crash it changes nothing. Another file of that name is replaced: it is of an attempt whose
 * transaction failed, or of the check before this one.
 */
export function takeFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  if (isSame(from, to)) return;
  const temporary = `${to}.tmp`;
  rmSync(temporary, { force: true });
  try {
    linkSync(from, temporary);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw error;
    // The file system has no hard links.
    copyFileSync(from, temporary);
  }
  renameSync(temporary, to);
}

function isSame(from: string, to: string): boolean {
  const [one, other] = [from, to].map((path) =>
    statSync(path, { bigint: true, throwIfNoEntry: false }),
  );
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}
