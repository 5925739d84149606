import { type DataEngine, quoteName, quoteText } from "../datasets/duckdb.ts";
import type { CollectedColumn, CollectedRows } from "./collect-rows.ts";

type Appender = Awaited<ReturnType<DataEngine["connection"]["createAppender"]>>;

/** Columns that every row has; an input of one of these names has no place. */
const OWN_COLUMNS = ["inference_id", "row", "at_ms", "prediction"];

/** Identifies rows: those of one request at one time. */
export interface Request {
  readonly inferenceId: string;
  readonly atMs: number;
}

/** The rows of one model version, in the engine's memory until they are written. */
export class CollectTable {
  readonly #engine: DataEngine;
  readonly #table: string;
  /** In the order of first appearance. */
  readonly #inputs = new Map<string, CollectedColumn["kind"]>();
  /** In lower case: the names of SQL columns know no case. */
  readonly #taken = new Set(OWN_COLUMNS);
  readonly #refused = new Map<string, string>();
  #unpredicted = 0;
  #appender: Appender | null = null;

  private constructor(engine: DataEngine, table: string) {
    this.#engine = engine;
    this.#table = table;
  }

  static async create(engine: DataEngine, table: string): Promise<CollectTable> {
    await engine.run(
      `CREATE TABLE ${quoteName(table)} (seq BIGINT, inference_id VARCHAR, "row" BIGINT, at_ms BIGINT, prediction DOUBLE)`,
    );
    return new CollectTable(engine, table);
  }

  /** Inputs that were left out, and why, by name. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  /** Records of which no output is a prediction. */
  get unpredicted(): number {
    return this.#unpredicted;
  }

  /** @param seq counts up over all rows of the table's life */
  async append(request: Request, collected: CollectedRows, seq: number): Promise<void> {
    for (const name of collected.skipped) {
      this.#refused.set(name, "has not one value a row");
    }
    if (collected.prediction === null) this.#unpredicted += 1;
    const columns = await this.#placeInputs(collected.inputs);
    const appender = await this.#open();
    for (let row = 0; row < collected.rows; row += 1) {
      appender.appendBigInt(BigInt(seq + row));
      appender.appendVarchar(request.inferenceId);
      appender.appendBigInt(BigInt(row));
      appender.appendBigInt(BigInt(request.atMs));
      appendNumber(appender, collected.prediction?.[row] ?? null);
      for (const name of this.#inputs.keys()) appendValue(appender, columns.get(name), row);
      appender.endRow();
    }
  }

  /**
   * Writes a Parquet file, of two rows with one (inference_id, row) the first, in the order of coming.
   * @returns null for no rows: there is no file then
   */
  async write(path: string): Promise<{ rows: number; firstAtMs: number; lastAtMs: number } | null> {
    this.#close();
    const table = quoteName(this.#table);
    await this.#engine.run(
      `DELETE FROM ${table} WHERE seq NOT IN (SELECT min(seq) FROM ${table} GROUP BY inference_id, "row")`,
    );
    const [summary] = await this.#engine.rows(
      `SELECT count(*) AS n, min(at_ms) AS first, max(at_ms) AS last FROM ${table}`,
    );
    const rows = Number(summary?.["n"]);
    if (rows === 0) return null;
    const inputs = [...this.#inputs.keys()].map((name) => quoteName(storedName(name)));
    const renamed = [...this.#inputs.keys()].map((name, i) => `${inputs[i]} AS ${quoteName(name)}`);
    const fields = ["inference_id", `"row"`, "at_ms", ...renamed, "prediction"].join(", ");
    await this.#engine.run(
      `COPY (SELECT ${fields} FROM ${table} ORDER BY seq) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    return { rows, firstAtMs: Number(summary?.["first"]), lastAtMs: Number(summary?.["last"]) };
  }

  /** Columns that have a place, made where they are new. */
  async #placeInputs(
    inputs: readonly CollectedColumn[],
  ): Promise<ReadonlyMap<string, CollectedColumn>> {
    const placed = new Map<string, CollectedColumn>();
    for (const input of inputs) {
      const kind = this.#inputs.get(input.name);
      if (kind === undefined && !(await this.#addInput(input))) continue;
      if (kind !== undefined && kind !== input.kind) {
        this.#refused.set(input.name, `is ${kind} in one record and ${input.kind} in another`);
      } else {
        placed.set(input.name, input);
      }
    }
    return placed;
  }

  async #addInput({ name, kind }: CollectedColumn): Promise<boolean> {
    const key = name.toLowerCase();
    if (this.#taken.has(key)) {
      this.#refused.set(name, "has the name of another column");
      return false;
    }
    this.#close();
    const sqlType = kind === "number" ? "DOUBLE" : "VARCHAR";
    await this.#engine.run(
      `ALTER TABLE ${quoteName(this.#table)} ADD COLUMN ${quoteName(storedName(name))} ${sqlType}`,
    );
    this.#taken.add(key);
    this.#inputs.set(name, kind);
    return true;
  }

  async #open(): Promise<Appender> {
    this.#appender ??= await this.#engine.connection.createAppender(this.#table);
    return this.#appender;
  }

  #close(): void {
    this.#appender?.closeSync();
    this.#appender = null;
  }
}

/** An input may be called `seq`. */
function storedName(name: string): string {
  return `input:${name}`;
}

function appendValue(appender: Appender, column: CollectedColumn | undefined, row: number): void {
  if (column?.kind === "text") {
    const value = column.values[row] ?? null;
    if (value === null) appender.appendNull();
    else appender.appendVarchar(value);
  } else {
    appendNumber(appender, column?.values[row] ?? null);
  }
}

function appendNumber(appender: Appender, value: number | null): void {
  if (value === null) appender.appendNull();
  else appender.appendDouble(value);
}
