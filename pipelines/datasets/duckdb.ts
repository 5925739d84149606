import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";

/** The data engine: in memory, off the event loop. Closed by whoever opened it. */
export interface DataEngine {
  /** Runs statements; values go in as `$1`, `$2`, … */
  run(sql: string, values?: readonly DuckDBValue[]): Promise<void>;
  /** Rows as objects: BIGINT is bigint, TIMESTAMP a DuckDB value; cast in SQL to what you want to read. */
  rows(
    sql: string,
    values?: readonly DuckDBValue[],
  ): Promise<readonly Readonly<Record<string, DuckDBValue>>[]>;
  /** The connection itself, for appenders and chunks. */
  readonly connection: DuckDBConnection;
  close(): void;
}

export interface DataEngineOptions {
  /** Default 1: jobs share the machine with a server. */
  readonly threads?: number;
  readonly memoryMib?: number;
  /** Larger-than-memory work spills here; default: nowhere. */
  readonly spillFolder?: string;
  /** Absolute folders that SQL may read and write; nothing else, and no network. */
  readonly folders: readonly string[];
}

/** Settings are locked: no later statement, whatever its text came from, opens another file or extension. */
export async function openDataEngine(options: DataEngineOptions): Promise<DataEngine> {
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(options.threads ?? 1),
    memory_limit: `${options.memoryMib ?? 1024}MiB`,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run("SET preserve_insertion_order = true");
  await connection.run(`SET temp_directory = ${quoteText(options.spillFolder ?? "")}`);
  const folders = options.folders.map((folder) =>
    quoteText(folder.endsWith("/") ? folder : `${folder}/`),
  );
  await connection.run(`SET allowed_directories = [${folders.join(", ")}]`);
  await connection.run("SET enable_external_access = false");
  await connection.run("SET lock_configuration = true");
  return {
    connection,
    async run(sql, values) {
      await connection.run(sql, values === undefined ? undefined : [...values]);
    },
    async rows(sql, values) {
      const reader = await connection.runAndReadAll(
        sql,
        values === undefined ? undefined : [...values],
      );
      return reader.getRowObjects();
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A SQL text. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `read_parquet` over files in this order, by column name. */
export function fromParquet(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoteText).join(", ")}], union_by_name = true)`;
}
