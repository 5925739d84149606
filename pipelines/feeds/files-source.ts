import { createReadStream } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { type DataEngine, quoteName, quoteText } from "../datasets/duckdb.ts";
import { JobError } from "../jobs/job-error.ts";
import type { Connector } from "../project/project.ts";
import { engineKind, inferType } from "./cast-sql.ts";
import type { SeenFile } from "./feed-memory.ts";
import { assertRunning, type IntakeRequest, type RawColumn, type ReadIntake } from "./intake.ts";
import { assertUnchanged, type FoundFile, listFiles, sha256OfFile } from "./list-files.ts";
import { indexSeenFiles, type SeenFiles } from "./seen-files.ts";

export type FilesConnector = Extract<Connector, { kind: "files" }>;

/** Absolute. */
export function filesFolder(connector: FilesConnector, projectFolder: string): string {
  const folder = resolve(projectFolder, dirname(connector.path));
  if (dirname(connector.path).includes("*")) {
    throw new JobError(
      `the feed's path ${connector.path} has * in a folder: only a name may have it`,
    );
  }
  return folder;
}

/**
 * Whole files in the order of their names until batchRows is reached: a batch may be larger by what
 * the last file holds more. A file is known by name, size and content; while its inode did not change
 * since it was taken, it is not read again.
 */
export const readFiles: ReadIntake = async (request) => {
  const { spec, memory } = request;
  const connector = connectorOf(spec.feed.connector);
  const folder = filesFolder(connector, spec.projectFolder);
  const found = await listFiles(folder, basename(connector.path), Date.now());
  const seen = memory.content?.kind === "files" ? memory.content.files : [];
  const taking = await takeFiles(request, connector.format, found, indexSeenFiles(seen));
  const columns = taking.files.length === 0 ? [] : await describe(request, taking);
  return {
    from: readerOf({ ...taking, columns }),
    columns: withAbsent(columns, request, connector.format),
    rows: taking.rows,
    hasMore: taking.hasMore,
    cursor: null,
    content: { kind: "files", files: taking.seen },
    settle: () => assertUnchanged(taking.checked),
  };
};

function connectorOf(connector: Connector): FilesConnector {
  if (connector.kind !== "files") throw new Error(`no connector of files: ${connector.kind}`);
  return connector;
}

/** What one batch reads. */
interface Taking {
  readonly format: FilesConnector["format"];
  /** Paths of the files with rows. */
  readonly files: readonly string[];
  /** Of CSV: one a batch. */
  readonly delimiter: string;
}

interface Taken extends Taking {
  readonly rows: number;
  readonly hasMore: boolean;
  /** What is known afterwards. */
  readonly seen: readonly SeenFile[];
  /** Every file whose content counts. */
  readonly checked: readonly FoundFile[];
}

async function takeFiles(
  { spec, context, engine }: IntakeRequest,
  format: FilesConnector["format"],
  found: readonly FoundFile[],
  seen: SeenFiles,
): Promise<Taken> {
  const files: string[] = [];
  const checked: FoundFile[] = [];
  let delimiter = ",";
  let rows = 0;
  const finish = (hasMore: boolean): Taken => {
    return { format, files, delimiter, rows, hasMore, seen: seen.list(), checked };
  };
  for (const file of found.filter((each) => !seen.isUntouched(each))) {
    assertRunning(context.signal);
    if (rows >= spec.feed.batchRows) return finish(true);
    const own = format === "csv" ? await reading(file, delimiterOf) : delimiter;
    if (files.length > 0 && own !== delimiter) return finish(true);
    const isChanged = seen.hasName(file.name);
    checked.push(file);
    if (!seen.add(await identify(file))) continue;
    if (isChanged)
      context.log("a file changed after it was taken: it is a new one", { file: file.name });
    const one = { format, files: [file.path], delimiter: own };
    const count = await countRows(engine, one, file.bytes);
    if (count === 0) continue;
    delimiter = own;
    files.push(file.path);
    rows += count;
  }
  return finish(false);
}

async function identify(file: FoundFile): Promise<SeenFile> {
  const { name, bytes, changedMs } = file;
  return { name, bytes, sha256: await reading(file, sha256OfFile), changedMs };
}

/** Rejects with JobError for a file that is gone, or that we may not read. */
async function reading<T>(file: FoundFile, read: (path: string) => Promise<T>): Promise<T> {
  return read(file.path).catch((error: NodeJS.ErrnoException) => {
    const isGone = error.code === "ENOENT";
    throw new JobError(`${file.path} cannot be read: ${error.code ?? error.message}`, isGone);
  });
}

const DELIMITERS = [",", ";", "\t", "|"];

/**
 * The delimiter that the header line has most of. The engine's own guess skips lines that do not fit
 * a guess, rows among them.
 */
async function delimiterOf(path: string): Promise<string> {
  const stream = createReadStream(path, { end: 64 * 1024 });
  try {
    for await (const line of createInterface({ input: stream })) {
      const header = line.replace(/"[^"]*"/g, "");
      const counts = DELIMITERS.map((each) => header.split(each).length);
      return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
    }
    return ",";
  } finally {
    stream.destroy();
  }
}

async function countRows(engine: DataEngine, taking: Taking, bytes: number): Promise<number> {
  if (bytes === 0 && taking.format !== "parquet") return 0;
  const [row] = await readSafely(engine, taking, `SELECT count(*) AS n FROM ${readerOf(taking)}`);
  return Number(row?.["n"]);
}

async function describe({ engine, verbatim }: IntakeRequest, taking: Taking): Promise<RawColumn[]> {
  const rows = await readSafely(engine, taking, `DESCRIBE SELECT * FROM ${readerOf(taking)}`);
  return rows.map((row) => {
    const name = String(row["column_name"]);
    const engineType = typeToRead(taking.format, String(row["column_type"]), verbatim.has(name));
    return { name, sql: quoteName(name), engineType, type: inferType(engineType) };
  });
}

/** Parquet says what its types are; in the others a type is a guess over text. */
function typeToRead(format: Taking["format"], guess: string, isVerbatim: boolean): string {
  if (format === "parquet") return guess;
  if (isVerbatim) return "VARCHAR";
  return engineKind(guess) === "nested" ? "JSON" : guess;
}

/** JSON leaves out what is missing: a column that came before came now, without values. */
function withAbsent(
  columns: readonly RawColumn[],
  { memory }: IntakeRequest,
  format: Taking["format"],
): RawColumn[] {
  if (format !== "json") return [...columns];
  const names = new Set(columns.map(({ name }) => name));
  const absent = memory.columns.filter(({ name }) => !names.has(name));
  return [...columns, ...absent.map(({ name, type }) => absentColumn(name, type ?? "text"))];
}

/** A column without values. */
export function absentColumn(name: string, type: RawColumn["type"]): RawColumn {
  return { name, sql: "CAST(NULL AS VARCHAR)", engineType: "VARCHAR", type };
}

/** @param taking `columns`: read as these; else as the engine finds them */
function readerOf(taking: Taking & { readonly columns?: readonly RawColumn[] }): string {
  const { format, columns } = taking;
  const files = `[${taking.files.map(quoteText).join(", ")}]`;
  const types = (columns ?? []).map(
    ({ name, engineType }) => `${quoteText(name)}: ${quoteText(engineType)}`,
  );
  const common = "union_by_name = true, hive_partitioning = false";
  if (format === "parquet") return `read_parquet(${files}, ${common})`;
  if (format === "json") {
    const known = types.length === 0 ? "sample_size = -1" : `columns = {${types.join(", ")}}`;
    return `read_json(${files}, ${common}, maximum_sample_files = 1000000, ${known})`;
  }
  const known = types.length === 0 ? "" : `, types = {${types.join(", ")}}`;
  return `read_csv(${files}, ${common}, header = true, sample_size = -1, skip = 0, delim = ${quoteText(taking.delimiter)},
    quote = '"', escape = '"', comment = '', strict_mode = true, null_padding = false${known})`;
}

async function readSafely(
  engine: DataEngine,
  taking: Taking,
  sql: string,
): ReturnType<DataEngine["rows"]> {
  try {
    return await engine.rows(sql);
  } catch (error) {
    const text = error instanceof Error ? error.message : "";
    if (!/^(Invalid Input|Conversion) Error/.test(text)) throw error;
    throw new JobError(`${taking.files.join(", ")}: ${explainRead(taking.format, text)}`);
  }
}

/** The engine's message holds the row: only numbers are taken from it. */
function explainRead(format: Taking["format"], message: string): string {
  const line = / (?:Line: |in line )(\d+)/i.exec(message)?.[1];
  const where = line === undefined ? "" : `, line ${line}`;
  const counts = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (counts !== null) return `expected ${counts[1]} columns${where}, found ${counts[2]}`;
  if (format === "csv") {
    return `expected CSV with a header line, quotes " and the same number of columns in every row${where}`;
  }
  if (format === "json") return `expected JSON objects, one a line or in one array${where}`;
  return "expected a Parquet file";
}
