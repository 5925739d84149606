import pg from "pg";
import { quoteName } from "../datasets/duckdb.ts";
import type { JsonRow } from "./batch-rows.ts";
import type { Position } from "./landing-order.ts";
import {
  CURSOR_COLUMN,
  insertStatement,
  mergeColumns,
  POSITIONS_TABLE,
  type TypedColumn,
  tableName,
  tableStatements,
  type ViewNames,
  viewStatement,
} from "./view-relation.ts";

/** The PostgreSQL side of one view outlet. */
export interface ViewTarget {
  readonly outlet: string;
  readonly dataset: string;
  readonly schema: string;
  readonly role: string;
  readonly names: ViewNames;
}

/** How far the table is filled: kept in PostgreSQL, in the transactions that fill it. */
export interface ViewPosition extends Position {
  /** The batch that `row` is about; null at the start. */
  readonly batchId: string | null;
  /** Rows of the table: its highest cursor. */
  readonly loaded: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 60_000;
/** A view is not changed while somebody reads it for long; nor do others queue behind us for long. */
const LOCK_TIMEOUT_MS = 10_000;

/** @param url never shown in what is thrown. Ended by the caller. */
export async function connectView(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    application_name: "sluice",
  });
  // A connection lost between two statements; the next statement rejects.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => null);
    throw error;
  }
}

/**
 * Makes the schema, the role and the table of positions where they are not there, and reads the
 * position. Within a transaction; holds the outlet's lock until its end.
 * @throws Error when another outlet fills this dataset in this schema
 */
export async function openPosition(client: pg.Client, target: ViewTarget): Promise<ViewPosition> {
  const { schema, role, names, outlet, dataset } = target;
  await client.query("SELECT pg_advisory_xact_lock(hashtext('sluice'), hashtext($1))", [schema]);
  if (!(await has(client, "SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]))) {
    await client.query(`CREATE SCHEMA ${quoteName(schema)}`);
  }
  if (!(await has(client, "SELECT 1 FROM pg_roles WHERE rolname = $1", [role]))) {
    await client.query(`CREATE ROLE ${quoteName(role)} NOLOGIN`);
  }
  if ((await columnsOf(client, schema, POSITIONS_TABLE, "table")).length === 0) {
    await client.query(
      `CREATE TABLE ${names.positions} (dataset text PRIMARY KEY, outlet text NOT NULL, batch_seq bigint NOT NULL,
       batch_row bigint NOT NULL, batch_id text, loaded bigint NOT NULL)`,
    );
  }
  await client.query(
    `INSERT INTO ${names.positions} VALUES ($1, $2, 0, 0, NULL, 0) ON CONFLICT DO NOTHING`,
    [dataset, outlet],
  );
  const { rows } = await client.query<PositionRow>(
    `SELECT * FROM ${names.positions} WHERE dataset = $1`,
    [dataset],
  );
  const row = rows[0];
  if (row === undefined) throw new Error("the position was not kept");
  if (row.outlet !== outlet) {
    throw new Error(
      `schema '${schema}' holds dataset '${dataset}' for the outlet '${row.outlet}'; give '${outlet}' another schema`,
    );
  }
  return {
    seq: Number(row.batch_seq),
    row: Number(row.batch_row),
    batchId: row.batch_id,
    loaded: Number(row.loaded),
  };
}

/** bigint comes as text. */
interface PositionRow {
  readonly outlet: string;
  readonly batch_seq: string;
  readonly batch_row: string;
  readonly batch_id: string | null;
  readonly loaded: string;
}

/**
 * Table, view and grants for these columns, changing only what differs. Within a transaction.
 * @throws Error for a changed type, or a role that could do more than read the view
 */
export async function arrangeView(
  client: pg.Client,
  target: ViewTarget,
  wanted: readonly TypedColumn[],
): Promise<void> {
  const { schema, dataset, names, role } = target;
  const withCursor = await columnsOf(client, schema, tableName(dataset), "table");
  const present = withCursor.filter(({ name }) => name !== CURSOR_COLUMN);
  const columns = mergeColumns(present, wanted);
  for (const statement of tableStatements(names, present, columns)) await client.query(statement);
  const shown = await columnsOf(client, schema, dataset, "view");
  if (shown.length !== columns.length + 1) await client.query(viewStatement(names, columns));
  await grantRead(client, target);
  await assertReadOnly(client, names, role);
}

async function grantRead(client: pg.Client, { schema, names, role }: ViewTarget): Promise<void> {
  const granted = await has(
    client,
    "SELECT 1 WHERE has_table_privilege($1, $2, 'SELECT') AND has_schema_privilege($1, $3, 'USAGE')",
    [role, names.view, schema],
  );
  if (granted) return;
  await client.query(`GRANT USAGE ON SCHEMA ${quoteName(schema)} TO ${quoteName(role)}`);
  await client.query(`GRANT SELECT ON ${names.view} TO ${quoteName(role)}`);
}

async function assertReadOnly(client: pg.Client, names: ViewNames, role: string): Promise<void> {
  const write = "INSERT, UPDATE, DELETE, TRUNCATE";
  const checks: readonly [string, string][] = [
    [names.view, write],
    [names.table, `SELECT, ${write}`],
    [names.positions, `SELECT, ${write}`],
  ];
  for (const [relation, privileges] of checks) {
    const sql = "SELECT 1 WHERE has_table_privilege($1, $2, $3)";
    if (!(await has(client, sql, [role, relation, privileges]))) continue;
    throw new Error(
      `role '${role}' may do more than SELECT from the view (${relation}: one of ${privileges}); name a role without such rights, which is no superuser and no member of the owner`,
    );
  }
}

/** Appends rows and moves the position. Within the transaction that opened it. */
export async function appendRows(
  client: pg.Client,
  { names, dataset }: ViewTarget,
  columns: readonly TypedColumn[],
  rows: readonly JsonRow[],
  next: ViewPosition,
): Promise<void> {
  const first = next.loaded - rows.length + 1;
  const cursors = rows.map((_, index) => first + index);
  const values = columns.map(({ name }) => rows.map((row) => toPgValue(row[name])));
  await client.query(insertStatement(names, columns), [cursors, ...values]);
  await client.query(
    `UPDATE ${names.positions} SET batch_seq = $2, batch_row = $3, batch_id = $4, loaded = $5 WHERE dataset = $1`,
    [dataset, next.seq, next.row, next.batchId, next.loaded],
  );
}

/** PostgreSQL's text cannot hold NUL. */
function toPgValue(value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll("\0", "\ufffd") : (value ?? null);
}

/** Empty when there is no such relation of this kind. */
async function columnsOf(
  client: pg.Client,
  schema: string,
  relation: string,
  kind: "table" | "view",
): Promise<readonly TypedColumn[]> {
  const { rows } = await client.query<TypedColumn>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = $3::"char" AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [schema, relation, kind === "table" ? "r" : "v"],
  );
  return rows;
}

async function has(client: pg.Client, sql: string, values: readonly string[]): Promise<boolean> {
  const { rowCount } = await client.query(sql, [...values]);
  return (rowCount ?? 0) > 0;
}

/** One line without a row's values: messages about data are left out, only their code is given. */
export function describePgError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof pg.DatabaseError)) {
    return error.message || ("code" in error ? String(error.code) : error.name);
  }
  const code = error.code ?? "unknown";
  const isAboutData = code.startsWith("22") || code.startsWith("23");
  return isAboutData ? `PostgreSQL refused a value: SQLSTATE ${code}` : error.message;
}
