import { JobError } from "../jobs/job-error.ts";
import type { Connector } from "../project/project.ts";
import { readSecretRef } from "../project/read-secret.ts";
import { type CursorKind, formatCursor, parseCursor } from "./cursor-value.ts";
import type { Intake, IntakeRequest, ReadIntake } from "./intake.ts";
import { createRestClient } from "./rest-client.ts";
import { cellsOf, columnsOf } from "./rest-columns.ts";
import { type RestConnector, type RestRecord, readPages } from "./rest-pages.ts";
import {
  floorOf,
  identityOf,
  openRowTaker,
  type RowsBefore,
  rowsBefore,
  type TextColumn,
} from "./row-intake.ts";

/** How far a cursor may be ahead of our clock. */
const MAX_AHEAD_MICROS = 86_400_000_000n;

/**
 * All pages of an API, in memory (bounded by rest-client.ts), then the new rows in the order of the
 * cursor. Without a cursor the API is a table that is read whole: a row is new if it was never
 * taken as it is now, and every row is remembered for good (about 40 bytes each).
 */
export const readRest: ReadIntake = async (request) => {
  const connector = connectorOf(request.spec.feed.connector);
  const before = rowsBefore(request);
  const records = await readRecords(request, connector, before);
  const known = request.memory.columns;
  const columns = columnsOf(records, known);
  return connector.cursor === undefined
    ? takeWhole(request, records, columns, before)
    : takeFromCursor(request, connector.cursor, { records, columns, before });
};

function connectorOf(connector: Connector): RestConnector {
  if (connector.kind !== "rest") throw new Error(`no connector of rest: ${connector.kind}`);
  return connector;
}

async function readRecords(
  request: IntakeRequest,
  connector: RestConnector,
  before: RowsBefore,
): Promise<RestRecord[]> {
  const { spec, context } = request;
  const start = startUrl(connector, before);
  const bearer =
    connector.bearer === undefined
      ? null
      : readSecretRef(connector.bearer, context.env, spec.projectFolder);
  const client = createRestClient({
    origin: start.origin,
    headers: {
      accept: "application/json",
      ...connector.headers,
      ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
    },
    timeoutMs: connector.timeoutSecs * 1000,
    signal: context.signal,
  });
  const records: RestRecord[] = [];
  for await (const page of readPages(client, connector, start)) {
    for (const record of page) records.push(record);
  }
  return records;
}

function startUrl({ url, cursor, sinceParam }: RestConnector, before: RowsBefore): URL {
  if (!URL.canParse(url)) throw new JobError("the feed's url is none");
  const start = new URL(url);
  if (sinceParam === undefined) return start;
  if (cursor === undefined) throw new JobError("the feed has a sinceParam, but no cursor");
  const floor = floorOf(before, cursor.lagSecs);
  if (floor !== null && before.cursorKind !== null) {
    start.searchParams.set(sinceParam, formatCursor(before.cursorKind, floor));
  }
  return start;
}

interface Answer {
  readonly records: readonly RestRecord[];
  readonly columns: readonly TextColumn[];
  readonly before: RowsBefore;
}

async function takeWhole(
  request: IntakeRequest,
  records: readonly RestRecord[],
  columns: readonly TextColumn[],
  before: RowsBefore,
): Promise<Intake> {
  const names = columns.map(({ name }) => name);
  // By the key alone, a row that was changed would look known.
  const identity = identityOf(names, undefined, request);
  const inexact = inexactColumns(request, columns);
  const taker = await openRowTaker(request, columns, identity, before);
  try {
    for (const record of records) {
      if (!taker.take(cellsOf(record, columns, inexact), null)) break;
    }
    return taker.finish({ cursorKind: null, lagSecs: 0, ceiling: null });
  } catch (error) {
    taker.abandon();
    throw error;
  }
}

async function takeFromCursor(
  request: IntakeRequest,
  cursor: NonNullable<RestConnector["cursor"]>,
  { records, columns, before }: Answer,
): Promise<Intake> {
  const { lagSecs } = cursor;
  const cursorKind = cursorKindOf(records, cursor.column, before);
  const floor = floorOf(before, lagSecs);
  const rows = records
    .map((record) => ({ record, at: cursorOf(record, cursor.column, cursorKind) }))
    .filter(({ at }) => floor === null || at >= floor)
    .sort((a, b) => Number(a.at > b.at) - Number(a.at < b.at));
  const names = columns.map(({ name }) => name);
  const identity = rows.length === 0 ? [] : identityOf(names, request.spec.dataset.key, request);
  const inexact = inexactColumns(request, columns);
  const taker = await openRowTaker(request, columns, identity, before);
  try {
    for (const { record, at } of rows) {
      if (!taker.take(cellsOf(record, columns, inexact), at)) break;
    }
    const ceiling = BigInt(Date.now()) * 1000n + MAX_AHEAD_MICROS;
    return taker.finish({ cursorKind, lagSecs, ceiling });
  } catch (error) {
    taker.abandon();
    throw error;
  }
}

/** Large integers may stand where nobody counts on their last digit. */
function inexactColumns(
  { spec, treatmentOf }: IntakeRequest,
  columns: readonly TextColumn[],
): Set<string> {
  const isInexact = ({ name, type }: TextColumn) =>
    treatmentOf(name) === "drop" || type === "number" || spec.dataset.types?.[name] === "number";
  return new Set(columns.filter(isInexact).map(({ name }) => name));
}

function cursorKindOf(
  records: readonly RestRecord[],
  column: string,
  before: RowsBefore,
): CursorKind | null {
  const missing = records.filter((record) => (record[column] ?? null) === null).length;
  if (missing > 0)
    throw new JobError(`${missing} records have no value in the cursor's column ${column}`);
  const [first] = records;
  if (first === undefined) return before.cursorKind;
  const kind = kindOfText(String(first[column]));
  if (before.cursorKind === null) return kind;
  if ((before.cursorKind === "integer") !== (kind === "integer")) {
    throw new JobError(`the cursor was a ${before.cursorKind} and now is a ${kind}`);
  }
  return before.cursorKind;
}

function kindOfText(text: string): CursorKind {
  if (parseCursor("integer", text) !== null) return "integer";
  return /^\d{4}-\d\d-\d\d$/.test(text) ? "date" : "time";
}

function cursorOf(record: RestRecord, column: string, kind: CursorKind | null): bigint {
  const at = kind === null ? null : parseCursor(kind, String(record[column]));
  if (at !== null) return at;
  throw new JobError(
    `the cursor's column ${column} holds values that are no ${kind === "integer" ? "integers" : "times (ISO 8601)"}`,
  );
}
