import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";

const GIT_TIMEOUT_MS = 5_000;

/**
 * Where a model file came from, as far as this machine can tell without naming itself: the file's
 * name, this program's version, and the git commit that it lies in, if it does.
 */
export async function readLineage(modelPath: string): Promise<Record<string, string>> {
  return {
    publisher: `sluice ${packageVersion()}`,
    sourceFile: basename(modelPath),
    ...(await readGit(modelPath)),
  };
}

async function readGit(modelPath: string): Promise<Record<string, string>> {
  const git = async (...args: string[]) => {
    const options = { cwd: dirname(modelPath), timeout: GIT_TIMEOUT_MS };
    return (await promisify(execFile)("git", args, options)).stdout.trim();
  };
  try {
    const gitCommit = await git("rev-parse", "HEAD");
    const changes = await git("status", "--porcelain");
    return { gitCommit, gitDirty: String(changes !== "") };
  } catch {
    // No git, or no checkout: nothing to say.
    return {};
  }
}

/** The package lies above both the sources and their compiled form. */
function packageVersion(): string {
  for (const folder of ["../../", "../../../"]) {
    try {
      const file = new URL(`${folder}package.json`, import.meta.url);
      const { name, version } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      if (name === "sluice") return String(version);
    } catch {
      // Not there: one folder further up.
    }
  }
  return "unknown";
}
