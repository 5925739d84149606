import type { SqliteDatabase, SqliteStatement } from "kysely";
import LibsqlDatabase from "libsql";

/** What SQLite takes as a parameter here. Everything else is refused before libsql sees it. */
type Parameter = string | number | bigint | null | Buffer;

/**
 * The one way to libsql, shaped as kysely wants it. It exists because the binding itself aborts the
 * process on a boolean, turns Date and NaN into NULL without a word, rounds large integers and reads
 * a text with a NUL back as empty.
 * @throws Error when the file cannot be opened or is no database
 */
export function openLibsql(path: string): SqliteDatabase & { exec(sql: string): void } {
  const database = new LibsqlDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  database.defaultSafeIntegers(true);
  database.exec("PRAGMA journal_mode = WAL");
  // Durable against a crash of the process; a power cut may lose the last commits, never the order.
  database.exec("PRAGMA synchronous = NORMAL");
  database.exec("PRAGMA foreign_keys = ON");
  return {
    exec: (sql) => void database.exec(sql),
    close: () => void database.close(),
    prepare: (sql) => wrapStatement(database.prepare(sql === "begin" ? "begin immediate" : sql)),
  };
}

const BUSY_TIMEOUT_MS = 10_000;

interface RawStatement {
  readonly reader: boolean;
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
}

function wrapStatement(raw: unknown): SqliteStatement {
  const statement = raw as RawStatement;
  return {
    reader: statement.reader,
    all: (parameters) => statement.all(parameters.map(checkParameter)).map(plainRow),
    run: (parameters) => statement.run(parameters.map(checkParameter)),
    iterate: () => {
      throw new Error("rows are read by all()");
    },
  };
}

function checkParameter(value: unknown, index: number): Parameter {
  const refuse = (what: string): never => {
    throw new TypeError(
      `SQL parameter ${index + 1}: expected text, number, bigint, Buffer or null, got ${what}`,
    );
  };
  if (value === null || typeof value === "bigint" || Buffer.isBuffer(value)) return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return refuse(String(value));
    // Bound as a double otherwise, and 1.0 is not the text "1" in a key.
    return Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (typeof value === "string") return value.includes("\0") ? refuse("a text with NUL") : value;
  return refuse(typeof value);
}

function plainRow(row: unknown): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(row as object)) {
    plain[key] = typeof value === "bigint" ? toSafeNumber(key, value) : value;
  }
  return plain;
}

function toSafeNumber(column: string, value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`column '${column}' holds ${value}, beyond 2^53`);
}
