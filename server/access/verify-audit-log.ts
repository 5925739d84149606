import { createReadStream } from "node:fs";
import { type ChainHead, GENESIS, readChained } from "./audit-record.ts";

export interface AuditVerdict {
  /** Records that chain from the first on. */
  readonly records: number;
  /** Hash of the last of them. Kept elsewhere, it also shows whether the end was cut off later. */
  readonly headSha256: string;
  /** The first line that does not fit; null: the whole file chains. */
  readonly brokenAt: { readonly line: number; readonly problem: string } | null;
}

/** Reads the whole log, in constant memory. @throws where the file cannot be read */
export async function verifyAuditLog(path: string): Promise<AuditVerdict> {
  let head: ChainHead = GENESIS;
  let rest = "";
  const broken = (problem: string): AuditVerdict => ({
    records: head.seq,
    headSha256: head.sha256,
    brokenAt: { line: head.seq + 1, problem },
  });
  const stream = createReadStream(path, { encoding: "utf8" });
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const record = readChained(line, head);
      if (typeof record === "string") return broken(record);
      head = record;
    }
    if (rest.length > MAX_LINE_LENGTH) return broken("is longer than any record");
  }
  if (rest !== "") return broken("is not whole (no line end), as after a crash");
  return { records: head.seq, headSha256: head.sha256, brokenAt: null };
}

const MAX_LINE_LENGTH = 1024 * 1024;
