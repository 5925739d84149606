import { JobError } from "../jobs/job-error.ts";
import type { ColumnType, Connector } from "../project/project.ts";
import { readSecretRef } from "../project/read-secret.ts";
import { type CursorKind, formatCursor, parseCursor } from "./cursor-value.ts";
import { assertRunning, type Intake, type IntakeRequest, type ReadIntake } from "./intake.ts";
import { findReadOnlyTable, type ReadOnlyTable } from "./postgres-guard.ts";
import { openPostgres, type PostgresSession } from "./postgres-session.ts";
import {
  floorOf,
  identityOf,
  openRowTaker,
  type RowsBefore,
  rowsBefore,
  type TextColumn,
} from "./row-intake.ts";

type PostgresConnector = Extract<Connector, { kind: "postgres" }>;

const FETCH_ROWS = 5000;
/** How far a cursor may be ahead of the database's clock: zones of `timestamp` columns differ. */
const MAX_AHEAD_MICROS = 86_400_000_000n;

/**
 * Rows from the cursor less its lag on, in the order of cursor and key, from one snapshot. Times are
 * looked back at by the lag, as a transaction may commit a row later than one with a higher time;
 * integers are not: give them to columns that only grow with the commit, or take a time.
 */
export const readPostgres: ReadIntake = async (request) => {
  const { spec, context } = request;
  const connector = connectorOf(spec.feed.connector);
  const session = await openPostgres({
    url: readSecretRef(connector.url, context.env, spec.projectFolder),
    feedName: spec.feedName,
    statementTimeoutSecs: connector.statementTimeoutSecs,
    signal: context.signal,
  });
  try {
    await session.rows("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const table = await findReadOnlyTable(session, connector.table);
    return await readTable(request, connector, session, table);
  } finally {
    await session.close();
  }
};

function connectorOf(connector: Connector): PostgresConnector {
  if (connector.kind !== "postgres") throw new Error(`no connector of postgres: ${connector.kind}`);
  return connector;
}

interface TableColumn extends TextColumn {
  /** Base type, as format_type says it. */
  readonly sqlType: string;
}

async function readTable(
  request: IntakeRequest,
  connector: PostgresConnector,
  session: PostgresSession,
  table: ReadOnlyTable,
): Promise<Intake> {
  const { cursor, table: tableName } = connector;
  const all = await listColumns(session, table);
  const cursorColumn = all.find(({ name }) => name === cursor.column);
  if (cursorColumn === undefined) {
    throw new JobError(`${tableName} has no column ${cursor.column} that the login may read`);
  }
  const cursorKind = cursorKindOf(cursorColumn);
  await assertCursors(session, table, cursorColumn, cursorKind);
  const before = rowsBefore(request);
  if (before.cursorKind !== null && before.cursorKind !== cursorKind) {
    throw new JobError(`the cursor was a ${before.cursorKind} and now is a ${cursorKind}`);
  }
  const identity = identityOf(
    all.map(({ name }) => name),
    request.spec.dataset.key,
    request,
  );
  const taker = await openRowTaker(request, all, identity, before);
  try {
    await takeRows(
      {
        request,
        session,
        table,
        all,
        identity,
        cursorColumn,
        cursorKind,
        before,
        lagSecs: cursor.lagSecs,
      },
      taker.take,
    );
    const [clock] = await session.rows("SELECT (extract(epoch FROM now()) * 1000000)::bigint");
    const ceiling = BigInt(clock?.[0] ?? 0) + MAX_AHEAD_MICROS;
    return taker.finish({ cursorKind, lagSecs: cursor.lagSecs, ceiling });
  } catch (error) {
    taker.abandon();
    throw error;
  }
}

async function listColumns(session: PostgresSession, table: ReadOnlyTable): Promise<TableColumn[]> {
  const rows = await session.rows(
    `SELECT a.attname, format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL)
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
       AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
     ORDER BY a.attnum`,
    [table.oid],
  );
  return rows.map(([name, sqlType]) => ({
    name: name ?? "",
    sqlType: sqlType ?? "",
    type: columnTypeOf(sqlType ?? ""),
  }));
}

const TYPES: Readonly<Record<string, ColumnType>> = {
  smallint: "integer",
  integer: "integer",
  bigint: "integer",
  oid: "integer",
  real: "number",
  "double precision": "number",
  numeric: "number",
  boolean: "boolean",
  date: "timestamp",
  "timestamp without time zone": "timestamp",
  "timestamp with time zone": "timestamp",
};

/** json, uuid, enums, arrays, money and all others come as PostgreSQL writes them. */
function columnTypeOf(sqlType: string): ColumnType {
  return Object.hasOwn(TYPES, sqlType) ? (TYPES[sqlType] ?? "text") : "text";
}

function cursorKindOf({ name, sqlType, type }: TableColumn): CursorKind {
  if (sqlType === "date") return "date";
  if (type === "timestamp") return "time";
  if (type === "integer") return "integer";
  throw new JobError(
    `the cursor's column ${name} is a ${sqlType}; expected a time, a date or an integer`,
  );
}

/** Rows that no cursor would ever reach, or that would carry it past all others. */
async function assertCursors(
  session: PostgresSession,
  table: ReadOnlyTable,
  { name }: TableColumn,
  kind: CursorKind,
): Promise<void> {
  const column = quote(name);
  const missing = await session.rows(`SELECT count(*) FROM ${table.name} WHERE ${column} IS NULL`);
  if (missing[0]?.[0] !== "0") {
    throw new JobError(
      `${missing[0]?.[0]} rows of ${table.name} have no value in the cursor's column ${name}`,
    );
  }
  if (kind === "integer") return;
  const infinite = await session.rows(
    `SELECT count(*) FROM ${table.name} WHERE ${column} IN ('infinity', '-infinity')`,
  );
  if (infinite[0]?.[0] !== "0") {
    throw new JobError(
      `${infinite[0]?.[0]} rows of ${table.name} have an infinite ${name}: it cannot be a cursor`,
    );
  }
}

interface RowQuery {
  readonly request: IntakeRequest;
  readonly session: PostgresSession;
  readonly table: ReadOnlyTable;
  readonly all: readonly TableColumn[];
  readonly identity: readonly string[];
  readonly cursorColumn: TableColumn;
  readonly cursorKind: CursorKind;
  readonly before: RowsBefore;
  readonly lagSecs: number;
}

async function takeRows(
  query: RowQuery,
  take: (cells: readonly (string | null)[], at: bigint) => boolean,
): Promise<void> {
  const { request, session, all, cursorColumn, cursorKind } = query;
  const cursorIndex = all.indexOf(cursorColumn);
  await session.rows(`DECLARE sluice_rows NO SCROLL CURSOR FOR ${selectOf(query)}`);
  for (;;) {
    const rows = await session.rows(`FETCH ${FETCH_ROWS} FROM sluice_rows`);
    for (const row of rows) {
      const at = parseCursor(cursorKind, row[cursorIndex] ?? "");
      if (at === null) {
        throw new JobError(`a value of the cursor's column ${cursorColumn.name} is out of range`);
      }
      if (!take(row, at)) return;
    }
    if (rows.length < FETCH_ROWS) return;
    assertRunning(request.context.signal);
  }
}

/**
 * Every row of the answer is new, or one that was seen, or the first that is too many: LIMIT lets the
 * database stop there. Values that are dropped do not leave it.
 */
function selectOf({
  request,
  table,
  all,
  identity,
  cursorColumn,
  cursorKind,
  before,
  lagSecs,
}: RowQuery): string {
  const { spec, treatmentOf } = request;
  const wanted = new Set([...identity, cursorColumn.name]);
  const fields = all.map(({ name }) =>
    treatmentOf(name) === "drop" && !wanted.has(name) ? "NULL::text" : `t.${quote(name)}::text`,
  );
  const column = `t.${quote(cursorColumn.name)}`;
  const floor = floorOf(before, lagSecs);
  const where =
    floor === null
      ? ""
      : `WHERE ${column} >= '${formatCursor(cursorKind, floor)}'::${boundType(cursorColumn)}`;
  // Without the table's name, ORDER BY would take the text of the answer.
  const order = [cursorColumn.name, ...(spec.dataset.key ?? [])].map((name) => `t.${quote(name)}`);
  const seenRows = before.seen.reduce((sum, { count }) => sum + count, 0);
  const limit = spec.feed.batchRows + seenRows + 1;
  return `SELECT ${fields.join(", ")} FROM ${table.name} AS t ${where} ORDER BY ${order.join(", ")} LIMIT ${limit}`;
}

/** A text with a zone, cast to a type without one, loses it: it is UTC, as the session is. */
function boundType({ sqlType, type }: TableColumn): string {
  return type === "integer" ? "bigint" : sqlType;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
