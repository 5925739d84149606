import { createHmac } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { JobError } from "../jobs/job-error.ts";
import type { ColumnType } from "../project/project.ts";
import type { CursorKind } from "./cursor-value.ts";

/** A file that was taken, or refused. */
export interface SeenFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Epoch milliseconds of the inode's last change: while it and the size stay, so did the content. */
  readonly changedMs: number;
  /** Why it was refused, without values; null: it was taken. */
  readonly refusal: string | null;
}

/** Rows that were taken and that the next pull may read again. */
export interface SeenRow {
  /** Cursor value (see CursorKind); null without a cursor. */
  readonly at: bigint | null;
  readonly digest: string;
  /** How many rows of this digest were taken. */
  readonly count: number;
}

export type MemoryContent =
  | {
      readonly kind: "files";
      readonly files: readonly SeenFile[];
      /** A print of what the refusals went by: under other rules the files are tried again. */
      readonly rules: string;
    }
  | {
      readonly kind: "rows";
      /** null before the first row, or without a cursor. */
      readonly cursorKind: CursorKind | null;
      readonly rows: readonly SeenRow[];
    };

export interface KnownColumn {
  readonly name: string;
  /** null for a column that is dropped, hashed or masked. */
  readonly type: ColumnType | null;
}

/**
 * What a feed remembers beside its cursor: `seenFile`. JSON lines, the first the header, then one
 * entry each: `[name, bytes, sha256, changedMs, refusal]` of a file, `[at, digest, count]` of rows.
 */
export interface FeedMemory {
  /** As they last came, in the order of the batches. */
  readonly columns: readonly KnownColumn[];
  /** Says whether digests were made with another key; null for no key. */
  readonly keyCheck: string | null;
  /** null before the first pull. */
  readonly content: MemoryContent | null;
}

/** Name in the job's folder. */
export const SEEN_FILE = "seen.jsonl";

interface Header {
  readonly schemaVersion: 1;
  readonly kind: MemoryContent["kind"];
  readonly cursorKind: CursorKind | null;
  /** Of files; null for rows. */
  readonly rules: string | null;
  readonly keyCheck: string | null;
  readonly columns: readonly KnownColumn[];
}

/** @param path absolute; null for a feed that was never read */
export async function readMemory(path: string | null): Promise<FeedMemory> {
  if (path === null) return { columns: [], keyCheck: null, content: null };
  const lines = await readFile(path, "utf8").then(
    (text) => text.split("\n").slice(0, -1),
    () => [],
  );
  try {
    const header = JSON.parse(lines[0] ?? "") as Header;
    if (header.schemaVersion !== 1) throw new Error("unknown schemaVersion");
    const content = readContent(header, lines.slice(1));
    return { columns: header.columns, keyCheck: header.keyCheck, content };
  } catch {
    throw new JobError(`${path} is no seen file of a feed: it is missing, cut or damaged`);
  }
}

type FileEntry = [string, number, string, number, string | null];

function readContent(header: Header, lines: readonly string[]): MemoryContent {
  if (header.kind === "files") {
    const files = lines.map((line) => {
      const [name, bytes, sha256, changedMs, refusal] = JSON.parse(line) as FileEntry;
      return { name, bytes, sha256, changedMs, refusal };
    });
    return { kind: "files", files, rules: header.rules ?? "" };
  }
  const rows = lines.map((line) => {
    const [at, digest, count] = JSON.parse(line) as [string | null, string, number];
    return { at: at === null ? null : BigInt(at), digest, count };
  });
  return { kind: "rows", cursorKind: header.cursorKind, rows };
}

const LINES_PER_WRITE = 10_000;

/** Writes and syncs the file. */
export async function writeMemory(
  path: string,
  memory: FeedMemory & { readonly content: MemoryContent },
): Promise<void> {
  const { content } = memory;
  const header: Header = {
    schemaVersion: 1,
    kind: content.kind,
    cursorKind: content.kind === "rows" ? content.cursorKind : null,
    rules: content.kind === "files" ? content.rules : null,
    keyCheck: memory.keyCheck,
    columns: memory.columns,
  };
  const file = await open(path, "w", 0o600);
  try {
    await file.write(`${JSON.stringify(header)}\n`);
    const entries = entriesOf(content);
    for (let from = 0; from < entries.length; from += LINES_PER_WRITE) {
      const part = entries.slice(from, from + LINES_PER_WRITE);
      await file.writeFile(part.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function entriesOf(content: MemoryContent): readonly unknown[] {
  if (content.kind === "files") {
    return content.files.map(
      ({ name, bytes, sha256, changedMs, refusal }): FileEntry => [
        name,
        bytes,
        sha256,
        changedMs,
        refusal,
      ],
    );
  }
  return content.rows.map((row) => [row.at?.toString() ?? null, row.digest, row.count]);
}

/** A print of the project's key that does not give it away. */
export function keyCheckOf(hashKey: string | null): string | null {
  if (hashKey === null) return null;
  return createHmac("sha256", hashKey).update("sluice seen file").digest("hex").slice(0, 16);
}
