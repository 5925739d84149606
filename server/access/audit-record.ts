import { createHash } from "node:crypto";

/** What the caller tells; `details` never holds payloads or keys. */
export interface AuditEntry {
  /** Key id, "anonymous", or a user of the command line. */
  readonly actor: string;
  /** Lower-case words joined by dots: `key.create`, `model.load`, `access.denied`. */
  readonly action: string;
  /** Model, key id or file that it concerns; null for none. */
  readonly target: string | null;
  readonly outcome: "ok" | "denied" | "failed";
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** One line of the log. Each holds the hash of the one before: none can change or go unnoticed. */
export interface AuditRecord extends AuditEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly prevSha256: string;
  /** Of the canonical JSON of this record without this field, hex. */
  readonly sha256: string;
}

/** The end of a chain: what the next record must continue. */
export interface ChainHead {
  readonly seq: number;
  readonly sha256: string;
}

export const GENESIS: ChainHead = { seq: 0, sha256: "0".repeat(64) };

export function chainRecord(head: ChainHead, entry: AuditEntry, time: Date): AuditRecord {
  const { actor, action, target, outcome, details } = entry;
  const unsigned = {
    seq: head.seq + 1,
    time: time.toISOString(),
    actor,
    action,
    target,
    outcome,
    details,
    prevSha256: head.sha256,
  };
  return { ...unsigned, sha256: hashOf(unsigned) };
}

/**
 * Reads one line that must continue `head`.
 * @param head null: the line is trusted to continue something that was not read
 * @returns the record, or in words why the chain is broken here
 */
export function readChained(line: string, head: ChainHead | null): AuditRecord | string {
  let record: AuditRecord;
  try {
    record = JSON.parse(line) as AuditRecord;
  } catch {
    return "is not JSON";
  }
  if (typeof record !== "object" || record === null) return "is not a record";
  const { sha256, ...unsigned } = record;
  if (hashOf(unsigned) !== sha256) return "does not match its own sha256";
  if (head === null) return record;
  if (record.seq !== head.seq + 1) return `has seq ${record.seq}, expected ${head.seq + 1}`;
  return record.prevSha256 === head.sha256 ? record : "does not continue the record before it";
}

/** JSON with sorted keys and no spaces: the same bytes for the same value, whoever writes it. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
