import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { RunFacts } from "../loop/run-facts.ts";
import type { LoadedProject } from "../project/loaded-project.ts";

const GIT_TIMEOUT_MS = 5_000;

/** What every run records about the code and configuration; read once, at the start. Never rejects. */
export async function readRunFacts(project: LoadedProject): Promise<RunFacts> {
  return {
    ...(await readGit(project.folder)),
    lockfileSha256: readLockfile(),
    configSha256: project.sha256,
  };
}

async function readGit(folder: string): Promise<Pick<RunFacts, "gitCommit" | "gitDirty">> {
  const git = async (...args: string[]) => {
    const options = { cwd: folder, timeout: GIT_TIMEOUT_MS };
    return (await promisify(execFile)("git", args, options)).stdout.trim();
  };
  try {
    const gitCommit = await git("rev-parse", "HEAD");
    // Of the project's folder: what else changed in a large checkout did not go into the run.
    const changes = await git("status", "--porcelain", "--", ".");
    return { gitCommit, gitDirty: changes !== "" };
  } catch {
    // No git, or no checkout: nothing to say.
    return { gitCommit: null, gitDirty: null };
  }
}

/** The package lies above both the sources and their compiled form. */
function readLockfile(): string | null {
  for (const folder of ["../../", "../../../"]) {
    try {
      const { name } = JSON.parse(read(`${folder}package.json`).toString("utf8")) as {
        name?: unknown;
      };
      if (name !== "sluice") continue;
      return createHash("sha256")
        .update(read(`${folder}package-lock.json`))
        .digest("hex");
    } catch {
      // Not there: one folder further up, or an installation without a lockfile.
    }
  }
  return null;
}

function read(relative: string): Buffer {
  return readFileSync(new URL(relative, import.meta.url));
}
