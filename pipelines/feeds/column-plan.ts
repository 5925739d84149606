import type { ColumnSchema } from "../datasets/column.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ColumnType, Treatment } from "../project/project.ts";
import { castSql, engineKind, textSql } from "./cast-sql.ts";
import type { KnownColumn } from "./feed-memory.ts";
import type { RawColumn } from "./intake.ts";
import { treatSql } from "./treat-sql.ts";

/** What becomes of one column. */
export interface PlannedColumn {
  readonly schema: ColumnSchema;
  readonly treatment: Treatment;
  readonly raw: RawColumn;
  /** The value that is written. */
  readonly sql: string;
  /** Its text before treatment, for a look at what is in it. */
  readonly text: string;
  /** Nobody gave the type: it was read from the data. */
  readonly isInferred: boolean;
}

export interface PlanOptions {
  readonly columns: readonly RawColumn[];
  readonly known: readonly KnownColumn[];
  readonly declared: Readonly<Record<string, ColumnType>>;
  readonly sanitise: Readonly<Record<string, Treatment>>;
  /** Columns without any value: their type is whatever it was before. */
  readonly empty: ReadonlySet<string>;
}

/**
 * Decides type and treatment of every column that is written, in the order in which the feed first
 * gave them. A hashed or masked column is text, whatever was declared.
 * @throws JobError for a treatment of a column that did not come, and for names that differ only in case
 */
export function planColumns(options: PlanOptions): PlannedColumn[] {
  const { columns, known, sanitise } = options;
  assertNames(
    columns.map(({ name }) => name),
    Object.keys(sanitise),
  );
  const rank = new Map(known.map(({ name }, index) => [name, index]));
  const place = (column: RawColumn) =>
    rank.get(column.name) ?? known.length + columns.indexOf(column);
  const kept = columns.filter(({ name }) => treatmentIn(sanitise, name) !== "drop");
  if (kept.length === 0) throw new JobError("every column is dropped: nothing is left to write");
  return kept.toSorted((a, b) => place(a) - place(b)).map((column) => planColumn(column, options));
}

export function treatmentIn(
  sanitise: Readonly<Record<string, Treatment>>,
  name: string,
): Treatment {
  return Object.hasOwn(sanitise, name) ? (sanitise[name] ?? "keep") : "keep";
}

/** Hidden from readers: neither its type nor its look matters any more. */
export function isHidden(treatment: Treatment): boolean {
  return treatment === "hash" || treatment === "mask" || treatment === "drop";
}

/** @throws JobError for a treatment of a column that did not come, and for names that differ only in case */
export function assertNames(names: readonly string[], treated: readonly string[]): void {
  const missing = treated.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new JobError(
      `sanitise names ${missing.join(", ")}, but the columns that came are ${names.join(", ")}`,
    );
  }
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) throw new JobError(`columns ${other} and ${name} differ only in case`);
    seen.set(name.toLowerCase(), name);
  }
}

function planColumn(raw: RawColumn, options: PlanOptions): PlannedColumn {
  const treatment = treatmentIn(options.sanitise, raw.name);
  const text = textSql(raw.sql, raw.engineType);
  if (isHidden(treatment)) {
    const schema: ColumnSchema = { name: raw.name, type: "text" };
    return { schema, treatment, raw, text, sql: treatSql(treatment, text), isInferred: false };
  }
  const declared = Object.hasOwn(options.declared, raw.name)
    ? options.declared[raw.name]
    : undefined;
  const type = declared ?? settleType(raw, options);
  const sql = castSql(raw.sql, raw.engineType, type);
  const isInferred = declared === undefined;
  return { schema: { name: raw.name, type }, treatment, raw, text, sql, isInferred };
}

/** A batch of whole numbers, of digits only or of nothing must not change what the column was before. */
function settleType(raw: RawColumn, { known, empty }: PlanOptions): ColumnType {
  const before = known.find(({ name }) => name === raw.name)?.type ?? null;
  if (before === null) return raw.type;
  const widens = before === "text" || (before === "number" && raw.type === "integer");
  return widens || empty.has(raw.name) ? before : raw.type;
}

/** Columns whose content the look for personal data covers: long integers may be numbers of cards. */
export function mayHoldPersonalData({ schema, treatment, raw }: PlannedColumn): boolean {
  if (treatment !== "keep") return false;
  return (
    schema.type === "text" || engineKind(raw.engineType) === "integer" || schema.type === "integer"
  );
}
