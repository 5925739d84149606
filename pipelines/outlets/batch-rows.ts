import type { ColumnSchema } from "../datasets/column.ts";
import { type DataEngine, openDataEngine, quoteName, quoteText } from "../datasets/duckdb.ts";

export type JsonValue = string | number | boolean | null;
export type JsonRow = Readonly<Record<string, JsonValue>>;

/** Where rows are: columns of `batches`. */
export interface BatchFile {
  readonly path: string;
  /** ColumnSchema[]. */
  readonly schema_json: string;
}

/**
 * Reads rows of landed batches as JSON shows them: timestamps as ISO 8601 (UTC), integers beyond
 * 2^53 as text, NaN and infinities as null.
 */
export interface BatchRows {
  /** Rows from `firstRow`, in the order of the file; fewer than `count` only at its end. */
  read(batch: BatchFile, firstRow: number, count: number): Promise<readonly JsonRow[]>;
  /** Frees the data engine; a later read opens another. */
  close(): Promise<void>;
}

const MEMORY_MIB = 512;

/** @param folders absolute; batches elsewhere cannot be read. The engine opens with the first read. */
export function createBatchRows(folders: readonly string[]): BatchRows {
  let opening: Promise<DataEngine> | null = null;
  let last: Promise<unknown> = Promise.resolve();

  // One connection, one query at a time.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => null);
    return done;
  };
  const engine = (): Promise<DataEngine> => {
    opening ??= openDataEngine({ folders, memoryMib: MEMORY_MIB });
    opening.catch(() => {
      opening = null;
    });
    return opening;
  };
  return {
    read: (batch, firstRow, count) =>
      inTurn(async () => readRows(await engine(), batch, firstRow, count)),
    close: () =>
      inTurn(async () => {
        const open = opening;
        opening = null;
        (await open)?.close();
      }),
  };
}

async function readRows(
  engine: DataEngine,
  batch: BatchFile,
  firstRow: number,
  count: number,
): Promise<readonly JsonRow[]> {
  const schema = JSON.parse(batch.schema_json) as readonly ColumnSchema[];
  const fields = schema.map((column, index) => `${selectOf(column)} AS c${index}`);
  const rows = await engine.rows(
    `SELECT ${fields.join(", ")} FROM read_parquet(${quoteText(batch.path)}, file_row_number = true)
     WHERE file_row_number >= $1 AND file_row_number < $2 ORDER BY file_row_number`,
    [BigInt(firstRow), BigInt(firstRow + count)],
  );
  // Object.fromEntries defines its keys: a column named __proto__ stays a column.
  return rows.map((row) =>
    Object.fromEntries(schema.map(({ name }, index) => [name, toJson(row[`c${index}`])])),
  );
}

function selectOf({ name, type }: ColumnSchema): string {
  const column = quoteName(name);
  if (type === "number") return `CAST(${column} AS DOUBLE)`;
  if (type === "integer") return column;
  if (type === "boolean") return `CAST(${column} AS BOOLEAN)`;
  if (type === "text") return `CAST(${column} AS VARCHAR)`;
  // Microseconds only where there are any.
  return `regexp_replace(strftime(CAST(${column} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ'), '000Z$', 'Z')`;
}

function toJson(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value !== "bigint")
    throw new Error("a column holds another type than its schema says");
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
