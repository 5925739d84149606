import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { CAPTURE_FILE, OPEN_SUFFIX } from "../../../protocols/capture/capture-record.ts";
import { isProcessAlive, processSpace, startOf } from "../../lib/process-identity.ts";

/**
 * Names of capture files and what becomes of those that a dead process left open. The process tag
 * says where a pid means something, the pid, and when it started: `<space>p<pid>s<ticks>`.
 */

const MS_DIGITS = 13;
const SEQUENCE_DIGITS = 6;
const SEQUENCES = 10 ** SEQUENCE_DIGITS;
/** A living writer touches its open file more often; told by age where the pid cannot be looked up. */
export const TOUCH_MS = 60_000;
const STALE_MS = 5 * TOUCH_MS;

export function processTag(): string {
  return `${processSpace()}p${process.pid}s${startOf(process.pid) ?? ""}`;
}

/** @param sequence counts the files of this process */
export function captureFileName(atMs: number, tag: string, sequence: number): string {
  const ms = String(Math.trunc(atMs)).padStart(MS_DIGITS, "0");
  return `${ms}-${tag}-${String(sequence % SEQUENCES).padStart(SEQUENCE_DIGITS, "0")}.ndjson`;
}

/**
 * Completes the files that dead processes left open: what stands after the last newline is cut off,
 * and the file gets its final name (an empty one is deleted). Two servers may do so at once.
 * @param ownTag files of this process are left alone
 * @returns the final names
 * @throws what the folder's listing throws; a file that cannot be completed now is left for later
 */
export function adoptLeftovers(folder: string, ownTag: string, nowMs: number): readonly string[] {
  const adopted: string[] = [];
  for (const name of readdirSync(folder)) {
    const finalName = name.slice(0, -OPEN_SUFFIX.length);
    if (!name.endsWith(OPEN_SUFFIX) || !CAPTURE_FILE.test(finalName)) continue;
    try {
      if (!isLeftover(join(folder, name), tagOf(finalName), ownTag, nowMs)) continue;
      if (complete(join(folder, name), join(folder, finalName))) adopted.push(finalName);
    } catch {
      // Another server was quicker, or the disk refuses: it is looked at again.
    }
  }
  return adopted;
}

function tagOf(fileName: string): string {
  return fileName.split("-")[1] ?? "";
}

const TAG = /^([0-9a-f]{8})p([0-9]+)s([0-9]*)$/;

function isLeftover(path: string, tag: string, ownTag: string, nowMs: number): boolean {
  if (tag === ownTag) return false;
  const [, space, pid, startedAt] = TAG.exec(tag) ?? [];
  if (space === processSpace()) {
    return !isProcessAlive({ pid: Number(pid), startedAt: startedAt || null });
  }
  return nowMs - statSync(path).mtimeMs > STALE_MS;
}

/** False: it held no whole line and is gone. */
function complete(path: string, finalPath: string): boolean {
  const file = openSync(path, "r+");
  try {
    const wholeBytes = lengthOfWholeLines(file);
    if (wholeBytes === 0) {
      rmSync(path);
      return false;
    }
    ftruncateSync(file, wholeBytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(path, finalPath);
  return true;
}

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Reads backwards to the last newline. */
function lengthOfWholeLines(file: number): number {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let end = fstatSync(file).size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const read = readSync(file, chunk, 0, end - start, start);
    const at = chunk.subarray(0, read).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/** Makes names in the folder last. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
