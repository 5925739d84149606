import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
  type AuditEntry,
  type AuditRecord,
  type ChainHead,
  chainRecord,
  GENESIS,
  readChained,
} from "./audit-record.ts";
import { withFileLock } from "./file-lock.ts";

/** The log cannot be continued: it was changed or cut by other means than this. */
export class AuditLogError extends Error {
  constructor(path: string, problem: string) {
    super(`audit log ${path}: ${problem}`);
    this.name = "AuditLogError";
  }
}

/** An append-only, hash-chained JSONL file. Several processes may append to one file. */
export interface AuditLog {
  /**
   * Resolves once the record is on the disk (fsync); records keep the order of the calls.
   * @throws AuditLogError for a record beyond 32 KiB, or when the file was tampered with
   */
  append(entry: AuditEntry): Promise<AuditRecord>;
  /** Waits for what was appended. */
  close(): Promise<void>;
}

export function auditLogPath(home: string): string {
  return join(home, "audit.jsonl");
}

/** Longest line; opening reads this much of the end, so that it holds a whole record. */
const MAX_LINE_BYTES = 32 * 1024;
const TAIL_BYTES = 4 * MAX_LINE_BYTES;
const MAX_TORN_BYTES = 4096;

/**
 * Opens the log, or makes it, and checks the last records. A torn last line (a crash in the middle
 * of a write) is moved into a record `audit.repair`.
 * @param clock epoch milliseconds
 * @throws AuditLogError when the tail does not chain
 */
export async function openAuditLog(path: string, clock: () => number): Promise<AuditLog> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const tail: Tail = { path, clock, offset: null, head: null };
  await withFileLock(path, () => withFile(path, (file) => catchUp(file, tail)));
  let last: Promise<unknown> = Promise.resolve();
  return {
    append(entry) {
      const done = last.then(() => withFileLock(path, () => appendOne(tail, entry)));
      last = done.catch(() => null);
      return done;
    },
    async close() {
      await last;
    },
  };
}

/** How much of the file this process knows. */
interface Tail {
  readonly path: string;
  readonly clock: () => number;
  /** Byte length up to which the chain is known; null: nothing read yet. */
  offset: number | null;
  head: ChainHead | null;
}

function withFile<T>(path: string, work: (file: number) => T): T {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    return work(file);
  } finally {
    closeSync(file);
  }
}

function appendOne(tail: Tail, entry: AuditEntry): AuditRecord {
  return withFile(tail.path, (file) => {
    const { offset, head } = catchUp(file, tail);
    const record = chainRecord(head, entry, new Date(tail.clock()));
    const line = lineOf(tail.path, record);
    writeAll(file, line, offset);
    fsyncSync(file);
    tail.offset = offset + line.byteLength;
    tail.head = record;
    return record;
  });
}

/** Reads what other processes (or a run before) appended since, and repairs a torn end. */
function catchUp(file: number, tail: Tail): { offset: number; head: ChainHead } {
  const size = fstatSync(file).size;
  const from = tail.offset ?? Math.max(0, size - TAIL_BYTES);
  if (size < from) throw new AuditLogError(tail.path, `shrank from ${from} to ${size} bytes`);
  const bytes = readAll(file, from, size - from);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
  let head = tail.offset === null && from === 0 ? GENESIS : tail.head;
  // The first line of a tail read from the middle is cut, unless it happens to start one.
  if (tail.offset === null && from > 0) lines.shift();
  for (const line of lines) {
    const record = readChained(line, head);
    if (typeof record === "string") {
      const where = head === null ? "near its end" : `after record ${head.seq}`;
      throw new AuditLogError(
        tail.path,
        `the record ${where} ${record}; see 'sluice audit verify'`,
      );
    }
    head = record;
  }
  if (head === null) throw new AuditLogError(tail.path, "its end holds no whole record");
  let offset = from + end;
  if (offset < size) {
    const repair = repairRecord(head, bytes.subarray(end), tail.clock());
    const line = lineOf(tail.path, repair);
    // Over the torn bytes, then cut: at no moment are they in neither form.
    writeAll(file, line, offset);
    ftruncateSync(file, offset + line.byteLength);
    fsyncSync(file);
    offset += line.byteLength;
    head = repair;
  }
  tail.offset = offset;
  tail.head = head;
  return { offset, head };
}

function repairRecord(head: ChainHead, torn: Buffer, nowMs: number): AuditRecord {
  const entry: AuditEntry = {
    actor: "sluice",
    action: "audit.repair",
    target: null,
    outcome: "ok",
    details: {
      reason: "the last line was not written whole, as after a crash",
      tornBytes: torn.byteLength,
      tornBase64: torn.subarray(0, MAX_TORN_BYTES).toString("base64"),
    },
  };
  return chainRecord(head, entry, new Date(nowMs));
}

function lineOf(path: string, record: AuditRecord): Buffer {
  const line = Buffer.from(`${JSON.stringify(record)}\n`);
  if (line.byteLength > MAX_LINE_BYTES) {
    throw new AuditLogError(
      path,
      `a record of ${line.byteLength} bytes is beyond ${MAX_LINE_BYTES}`,
    );
  }
  return line;
}

function readAll(file: number, from: number, byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  let done = 0;
  while (done < byteLength) {
    const count = readSync(file, bytes, done, byteLength - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

function writeAll(file: number, bytes: Buffer, at: number): void {
  let done = 0;
  while (done < bytes.byteLength) {
    done += writeSync(file, bytes, done, bytes.byteLength - done, at + done);
  }
}
