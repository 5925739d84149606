import { randomUUID } from "node:crypto";
import { link, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { StoreError } from "./repository-store.ts";

/** What is done under the lock takes milliseconds; a lock this old belongs to a dead process. */
const STALE_MS = 15_000;
const WAIT_MS = 30_000;
const MAX_RETRY_MS = 25;
/** How long a lock that is not there may be in the hands of one who looks whether it is stale. */
const GIVE_BACK_MS = 200;
const LOOK_AGAIN_MS = 5;

/**
 * Runs `work` while this process alone, on any machine that shares the folder, holds the lock file.
 * `work` gets a check to call right before its last step: it rejects when the lock was taken away
 * (this process slept too long). Rejects with StoreError after 30 s of waiting.
 */
export async function withFileLock<T>(
  lockPath: string,
  name: string,
  work: (assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const token = randomUUID();
  await acquire(lockPath, name, token);
  const isHeld = () => holds(lockPath, token);
  try {
    return await work(async () => {
      if (!(await isHeld())) throw new StoreError(name, "the lock was lost to another publisher");
    });
  } finally {
    if (await isHeld()) await unlink(lockPath);
  }
}

/** A lock that is gone may be given back at once (see takeAwayStale); another's token is another's lock. */
async function holds(lockPath: string, token: string): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < GIVE_BACK_MS; waitedMs += LOOK_AGAIN_MS) {
    const found = await readToken(lockPath);
    if (found !== null) return found === token;
    await delay(LOOK_AGAIN_MS);
  }
  return false;
}

async function acquire(lockPath: string, name: string, token: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    try {
      await writeFile(lockPath, token, { flag: "wx" });
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    if (Date.now() > deadline) {
      throw new StoreError(name, `another publisher held ${name}.lock for ${WAIT_MS / 1000} s`);
    }
    if (!(await takeAwayStale(lockPath))) await delay(Math.random() * MAX_RETRY_MS);
  }
}

/** True when a dead process's lock is gone. Of several that try, the rename lets one succeed. */
async function takeAwayStale(lockPath: string): Promise<boolean> {
  const found = await stat(lockPath).catch(() => null);
  const token = await readToken(lockPath);
  if (found === null || token === null) return false;
  if (Date.now() - found.mtimeMs < STALE_MS) return false;
  const aside = `${lockPath}.stale-${randomUUID()}`;
  try {
    await rename(lockPath, aside);
  } catch {
    return false;
  }
  // Between our look and the rename another may have cleared the lock and taken it: give it back.
  const isSame = (await readToken(aside)) === token;
  if (!isSame) await link(aside, lockPath).catch(() => undefined);
  await unlink(aside);
  return isSame;
}

async function readToken(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch(() => null);
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}
