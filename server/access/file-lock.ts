import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isProcessAlive, type ProcessIdentity, startOf } from "../lib/process-identity.ts";

/**
 * A lock between processes on one file system, beside the file it guards. The newest of
 * `<path>.lock.<n>` is the lock: it names its holder, or says that it is free. To take it is to
 * create number n + 1, which only one can (link is atomic), and then to see that it is the newest
 * (a slow taker may have created a number that others are past). The two newest are never deleted,
 * so a dead holder's lock is taken over without a moment in which two could hold it.
 */

interface Owner extends ProcessIdentity {
  readonly host: string;
}

const FREE = "free";
const RETRY_MS = 10;

/**
 * Runs `work` while holding the lock of `path`; its folder must exist.
 * Threads and calls of one process exclude each other too; `work` must not take the same lock.
 * @throws Error naming the lock file when a living holder keeps it longer than `timeoutMs`
 */
export async function withFileLock<T>(
  path: string,
  work: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<T> {
  const lock = await acquire(path, performance.now() + timeoutMs);
  try {
    return await work();
  } finally {
    replaceText(lock, FREE);
  }
}

async function acquire(path: string, deadline: number): Promise<string> {
  for (;;) {
    const newest = newestLock(path);
    if (newest === null || isTakeable(lockName(path, newest))) {
      const number = (newest ?? 0) + 1;
      if (tryCreate(lockName(path, number))) {
        if (newestLock(path) === number) {
          deleteBelow(path, number - 1);
          return lockName(path, number);
        }
        rmSync(lockName(path, number), { force: true });
      }
    }
    if (performance.now() > deadline) {
      const held = lockName(path, newest ?? 1);
      throw new Error(`${path} is locked by another process; if none is running, delete ${held}`);
    }
    await delay(RETRY_MS * (0.5 + Math.random()));
  }
}

function deleteBelow(path: string, number: number): void {
  for (const old of lockNumbers(path)) {
    if (old < number) rmSync(lockName(path, old), { force: true });
  }
}

function tryCreate(lock: string): boolean {
  const temporary = temporaryName(lock);
  writeFileSync(temporary, JSON.stringify(self()), { mode: 0o600 });
  try {
    linkSync(temporary, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function replaceText(file: string, text: string): void {
  const temporary = temporaryName(file);
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

let temporaries = 0;

function temporaryName(file: string): string {
  temporaries++;
  return `${file}.${process.pid}-${temporaries}-${Math.random().toString(36).slice(2)}.tmp`;
}

function lockName(path: string, number: number): string {
  return `${path}.lock.${number}`;
}

function lockNumbers(path: string): number[] {
  const prefix = `${basename(path)}.lock.`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^[0-9]+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
}

function newestLock(path: string): number | null {
  const numbers = lockNumbers(path);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

function isTakeable(lock: string): boolean {
  let text: string;
  try {
    text = readFileSync(lock, "utf8");
  } catch {
    return false; // superseded between the listing and now: look again
  }
  if (text === FREE) return true;
  const owner = parseOwner(text);
  return owner !== null && owner.host === hostname() && !isProcessAlive(owner);
}

function parseOwner(text: string): Owner | null {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return null;
  }
}

function self(): Owner {
  return { host: hostname(), pid: process.pid, startedAt: startOf(process.pid) };
}
