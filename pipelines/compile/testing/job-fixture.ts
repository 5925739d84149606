import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Column, Table } from "../../datasets/column.ts";
import { openDataEngine, quoteName, quoteText } from "../../datasets/duckdb.ts";
import type { JobContext } from "../../jobs/job.ts";

/** A job's context in a folder of its own, and what it said. */
export interface JobFixture {
  readonly context: JobContext;
  readonly folder: string;
  readonly pauses: string[];
  readonly lines: string[];
  remove(): void;
}

export function createJobFixture(
  options: { env?: JobContext["env"]; signal?: AbortSignal } = {},
): JobFixture {
  const folder = mkdtempSync(join(tmpdir(), "sluice-job-"));
  const pauses: string[] = [];
  const lines: string[] = [];
  const context: JobContext = {
    folder,
    runId: "run-1",
    env: options.env ?? { PATH: process.env["PATH"] },
    signal: options.signal ?? new AbortController().signal,
    metric: (key, value) => lines.push(`${key}=${value}`),
    log: (message) => lines.push(message),
    pause: async (point) => {
      pauses.push(point);
    },
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { context, folder, pauses, lines, remove };
}

/** Writes columns as Parquet; NaN and null become NULL. */
export async function writeParquet(path: string, table: Table): Promise<void> {
  const engine = await openDataEngine({ folders: [dirname(path)] });
  try {
    const fields = [...table.columns].map(
      ([name, column]) => `${quoteName(name)} ${column.kind === "text" ? "VARCHAR" : "DOUBLE"}`,
    );
    await engine.run(`CREATE TABLE rows (${fields.join(", ")})`);
    const appender = await engine.connection.createAppender("rows");
    for (let row = 0; row < table.rows; row += 1) {
      for (const column of table.columns.values()) {
        const value = valueAt(column, row);
        if (value === null) appender.appendNull();
        else if (typeof value === "string") appender.appendVarchar(value);
        else appender.appendDouble(value);
      }
      appender.endRow();
    }
    appender.closeSync();
    await engine.run(`COPY rows TO ${quoteText(path)} (FORMAT parquet)`);
  } finally {
    engine.close();
  }
}

function valueAt(column: Column, row: number): string | number | null {
  const value = column.values[row] ?? null;
  return typeof value === "number" && Number.isNaN(value) ? null : value;
}

export function numbers(values: Iterable<number>): Column {
  return { kind: "number", values: Float64Array.from(values) };
}

export function texts(values: Iterable<string | null>): Column {
  return { kind: "text", values: [...values] };
}

export function tableOf(columns: Readonly<Record<string, Column>>): Table {
  const map = new Map(Object.entries(columns));
  return { rows: [...map.values()][0]?.values.length ?? 0, columns: map };
}

/** Writes bytes or text into the folder and gives the path. */
export function put(folder: string, name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
