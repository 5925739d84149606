import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { type DataEngine, quoteName, quoteText } from "../datasets/duckdb.ts";
import { JobError } from "../jobs/job-error.ts";
import type { Connector } from "../project/project.ts";
import { engineKind, inferType } from "./cast-sql.ts";
import { assertNames } from "./column-plan.ts";
import type { FeedMemory, SeenFile } from "./feed-memory.ts";
import { assertRunning, type IntakeRequest, type RawColumn, type ReadIntake } from "./intake.ts";
import { assertUnchanged, type FoundFile, listFiles, sha256OfFile } from "./list-files.ts";
import type { PullSpec, RefusedFile } from "./pull-spec.ts";
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
 * since it was looked at, it is not read again.
 *
 * A file that cannot be taken is refused and remembered with the reason; the others go on. It is tried
 * again when its content changes, or what the project says of the feed's columns. So is a taken file
 * that comes back with other content, unless the dataset has a key: then it is taken whole once more,
 * and its rows stand in for those of the same key (see train/prepare-rows.ts). Without a key nobody
 * could tell its old rows from its new ones.
 */
export const readFiles: ReadIntake = async (request) => {
  const { spec } = request;
  const connector = connectorOf(spec.feed.connector);
  const folder = filesFolder(connector, spec.projectFolder);
  const found = await listFiles(folder, basename(connector.path), Date.now());
  const rules = rulesOf(spec, connector);
  const seen = indexSeenFiles(filesStillKnown(request.memory, rules));
  const taking = await takeFiles(request, connector.format, found, seen);
  const columns = taking.files.length === 0 ? [] : await describe(request, taking);
  return {
    from: readerOf({ ...taking, columns }),
    columns: withAbsent(columns, request, connector.format),
    rows: taking.rows,
    hasMore: taking.hasMore,
    cursor: null,
    content: { kind: "files", files: seen.list(), rules },
    fileNames: taking.files.map((path) => basename(path)),
    refused: taking.refused,
    settle: () => assertUnchanged(taking.checked),
  };
};

function connectorOf(connector: Connector): FilesConnector {
  if (connector.kind !== "files") throw new Error(`no connector of files: ${connector.kind}`);
  return connector;
}

/** A print of everything in the project that a file can be refused for. */
function rulesOf({ feed, dataset }: PullSpec, { format }: FilesConnector): string {
  const rules = [format, feed.sanitise ?? {}, dataset.types ?? {}, dataset.key ?? []];
  return createHash("sha256").update(JSON.stringify(rules)).digest("hex").slice(0, 16);
}

function filesStillKnown({ content }: FeedMemory, rules: string): readonly SeenFile[] {
  if (content?.kind !== "files") return [];
  if (content.rules === rules) return content.files;
  return content.files.filter(({ refusal }) => refusal === null);
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
  readonly refused: readonly RefusedFile[];
  /** Every file whose content counts. */
  readonly checked: readonly FoundFile[];
}

/** Files that one pull refuses at most: the rest is for the next. */
const MAX_REFUSED = 100;

/** @param seen grows by what was looked at */
async function takeFiles(
  request: IntakeRequest,
  format: FilesConnector["format"],
  found: readonly FoundFile[],
  seen: SeenFiles,
): Promise<Taken> {
  const { spec, context } = request;
  const files: string[] = [];
  const refused: RefusedFile[] = [];
  const checked: FoundFile[] = [];
  let delimiter = ",";
  let rows = 0;
  const finish = (hasMore: boolean): Taken => {
    return { format, files, delimiter, rows, hasMore, refused, checked };
  };
  for (const file of found.filter((each) => !seen.isUntouched(each))) {
    assertRunning(context.signal);
    const isFull = rows >= spec.feed.batchRows || files.length >= request.files.most;
    if (isFull || refused.length >= MAX_REFUSED) return finish(true);
    const look = await lookAt(request, format, file, seen);
    const needsOther = files.length > 0 && look.rows > 0 && look.delimiter !== delimiter;
    if (needsOther) return finish(true);
    seen.put(look.seen);
    if (look.kind === "refused") refused.push({ name: file.name, reason: look.seen.refusal ?? "" });
    if (look.kind === "new") checked.push(file);
    if (look.rows === 0) continue;
    delimiter = look.delimiter;
    files.push(file.path);
    rows += look.rows;
  }
  return finish(false);
}

/** What is to become of a file. */
interface Look {
  /** known: this content was taken, or refused, before. */
  readonly kind: "new" | "known" | "refused";
  readonly seen: SeenFile;
  /** To take. */
  readonly rows: number;
  readonly delimiter: string;
}

async function lookAt(
  request: IntakeRequest,
  format: FilesConnector["format"],
  file: FoundFile,
  seen: SeenFiles,
): Promise<Look> {
  const { name, bytes, changedMs } = file;
  let sha256 = "";
  try {
    if (file.problem !== null) throw new JobError(file.problem);
    sha256 = await reading(file, sha256OfFile);
    const known = seen.find({ name, bytes, sha256 });
    if (known !== null) {
      return { kind: "known", seen: { ...known, changedMs }, rows: 0, delimiter: "" };
    }
    assertTakeable(request, file, seen);
    const delimiter = format === "csv" ? await reading(file, delimiterOf) : ",";
    const taking = { format, files: [file.path], delimiter };
    const rows = await countRows(request.engine, taking, bytes);
    if (rows > 0) await assertTreated(request, taking);
    return {
      kind: "new",
      seen: { name, bytes, sha256, changedMs, refusal: null },
      rows,
      delimiter,
    };
  } catch (error) {
    if (!(error instanceof JobError) || error.isTransient) throw error;
    const refusal = error.message.replace(`${file.path}: `, "");
    const refused = { name, bytes, sha256, changedMs, refusal };
    request.context.log("a file was refused", { file: name, reason: refusal });
    return { kind: "refused", seen: refused, rows: 0, delimiter: "" };
  }
}

/** @throws JobError for a file that is refused whatever is in it */
function assertTakeable({ spec, context, files }: IntakeRequest, file: FoundFile, seen: SeenFiles) {
  const blame = files.blamed.get(file.name);
  if (blame !== undefined) throw new JobError(blame);
  if (!seen.wasTaken(file.name)) return;
  if (spec.dataset.key === undefined) {
    throw new JobError(
      "its content changed after it was taken: give new rows a file of another name, or the dataset a key, by which rows take the place of earlier ones",
    );
  }
  context.log("a file changed after it was taken: its rows come again", { file: file.name });
}

/**
 * Beside other files the engine would fill in a column that one of them lacks, and let pass untreated
 * what stands in it under another name. JSON leaves out what is missing: there all files count together.
 */
async function assertTreated({ spec, engine }: IntakeRequest, taking: Taking): Promise<void> {
  const treated = Object.keys(spec.feed.sanitise ?? {});
  if (treated.length === 0 || taking.format === "json") return;
  const rows = await readSafely(engine, taking, `DESCRIBE SELECT * FROM ${namesReaderOf(taking)}`);
  assertNames(
    rows.map((row) => String(row["column_name"])),
    treated,
  );
}

/** Rejects with JobError for a file that we may not read, or, to be tried again, that is gone. */
async function reading<T>(file: FoundFile, read: (path: string) => Promise<T>): Promise<T> {
  return read(file.path).catch((error: NodeJS.ErrnoException) => {
    const isForbidden = error.code === "EACCES" || error.code === "EPERM";
    throw new JobError(
      `${file.path}: it cannot be read: ${error.code ?? error.message}`,
      !isForbidden,
    );
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
  return csvReader(files, taking.delimiter, `${common}, sample_size = -1${known}`);
}

/** Reads no more than the names of the columns need. */
function namesReaderOf(taking: Taking): string {
  if (taking.format !== "csv") return readerOf(taking);
  const files = `[${taking.files.map(quoteText).join(", ")}]`;
  return csvReader(files, taking.delimiter, "hive_partitioning = false, all_varchar = true");
}

function csvReader(files: string, delimiter: string, options: string): string {
  return `read_csv(${files}, ${options}, header = true, skip = 0, delim = ${quoteText(delimiter)},
    quote = '"', escape = '"', comment = '', strict_mode = true, null_padding = false)`;
}

/** The engine's kinds of errors that are the file's. */
const UNREADABLE = /^(Invalid Input|Conversion|Binder|Not implemented|Out of Range) Error/i;

async function readSafely(
  engine: DataEngine,
  taking: Taking,
  sql: string,
): ReturnType<DataEngine["rows"]> {
  try {
    return await engine.rows(sql);
  } catch (error) {
    const text = error instanceof Error ? error.message : "";
    if (!UNREADABLE.test(text)) throw error;
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
