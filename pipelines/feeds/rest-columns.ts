import { JobError } from "../jobs/job-error.ts";
import type { ColumnType } from "../project/project.ts";
import { parseTime } from "./cursor-value.ts";
import type { KnownColumn } from "./feed-memory.ts";
import type { RestRecord } from "./rest-pages.ts";
import type { TextColumn } from "./row-intake.ts";

/** An integer that JSON's readers may have rounded to this one; above it only doubles are meant. */
const MAX_INT64_SPAN = 2 ** 64;

/**
 * Columns of records, in the order in which they were first seen; one that came before and is left out
 * now came without values. Texts that all are ISO 8601 are timestamps; what is mixed is text.
 */
export function columnsOf(
  records: readonly RestRecord[],
  known: readonly KnownColumn[],
): TextColumn[] {
  const kinds = new Map<string, Set<ColumnType>>();
  for (const { name } of known) kinds.set(name, new Set());
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) {
      const found = kinds.get(name) ?? new Set();
      kinds.set(name, found);
      if (value !== null) found.add(typeOf(value));
    }
  }
  return [...kinds].map(([name, types]) => ({ name, type: settle(types) }));
}

function typeOf(value: unknown): ColumnType {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return isWhole(value) ? "integer" : "number";
  return typeof value === "string" && parseTime(value) !== null ? "timestamp" : "text";
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= MAX_INT64_SPAN;
}

function settle(types: ReadonlySet<ColumnType>): ColumnType {
  const [only = "text", ...others] = types;
  if (others.length === 0) return only;
  return [...types].every((type) => type === "integer" || type === "number") ? "number" : "text";
}

/**
 * The record's values as text; objects and arrays as JSON.
 * @param inexact names of columns whose large integers are numbers, not names
 * @throws JobError for an integer that JSON.parse may have changed
 */
export function cellsOf(
  record: RestRecord,
  columns: readonly TextColumn[],
  inexact: ReadonlySet<string>,
): (string | null)[] {
  return columns.map(({ name }) => {
    const value = Object.hasOwn(record, name) ? record[name] : null;
    if (value === null || value === undefined) return null;
    if (typeof value === "number" && isWhole(value) && !Number.isSafeInteger(value)) {
      if (!inexact.has(name)) throw new JobError(explainInexact(name));
    }
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  });
}

function explainInexact(name: string): string {
  return `column ${name} has integers beyond ±(2^53-1), which lose digits in JSON: have the API send them as text, drop the column, or declare it as number under types`;
}
