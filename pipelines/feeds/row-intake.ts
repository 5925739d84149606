import { JobError } from "../jobs/job-error.ts";
import type { ColumnType } from "../project/project.ts";
import { isHidden } from "./column-plan.ts";
import {
  advanceCursor,
  type CursorKind,
  formatCursor,
  lagFloor,
  parseCursor,
} from "./cursor-value.ts";
import type { SeenRow } from "./feed-memory.ts";
import type { Intake, IntakeRequest, RawColumn } from "./intake.ts";
import { newRowFilter, rememberRows, rowDigest } from "./seen-rows.ts";
import { openStage, STAGE_TABLE, stageColumn } from "./stage-rows.ts";

/** A column of a source that hands over rows of text. */
export interface TextColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** What the spec's state and memory say about rows. */
export interface RowsBefore {
  readonly cursorKind: CursorKind | null;
  readonly cursor: bigint | null;
  readonly seen: readonly SeenRow[];
}

/** @throws JobError when the state does not fit together */
export function rowsBefore({ spec, memory }: IntakeRequest): RowsBefore {
  const content = memory.content;
  if (content === null || content.kind !== "rows") {
    if (spec.state.cursor === null) return { cursorKind: null, cursor: null, seen: [] };
    throw new JobError("the feed's state has a cursor, but no seen file");
  }
  const { cursorKind, rows } = content;
  const text = spec.state.cursor;
  const cursor = text === null || cursorKind === null ? null : parseCursor(cursorKind, text);
  if (text !== null && cursor === null) {
    throw new JobError(
      `the feed's cursor ${text} is no ${cursorKind ?? "value of a feed with a cursor"}`,
    );
  }
  return { cursorKind, cursor, seen: rows };
}

/** The least cursor value to ask the source for; null: from the beginning. */
export function floorOf(before: RowsBefore, lagSecs: number): bigint | null {
  const { cursor, cursorKind } = before;
  return cursor === null || cursorKind === null ? null : lagFloor(cursorKind, cursor, lagSecs);
}

/**
 * The columns that tell rows apart: the key, or everything that is not to be hidden.
 * @param key undefined for none
 * @throws JobError when a key column is missing, or would leave an unkeyed hash of a hidden value
 */
export function identityOf(
  names: readonly string[],
  key: readonly string[] | undefined,
  { hashKey, treatmentOf }: IntakeRequest,
): string[] {
  if (key === undefined) {
    return names.filter((name) => treatmentOf(name) === "hash" || !isHidden(treatmentOf(name)));
  }
  for (const name of key) {
    if (!names.includes(name)) {
      throw new JobError(`the key column ${name} is not among the columns: ${names.join(", ")}`);
    }
    if (isHidden(treatmentOf(name)) && hashKey === null) {
      throw new JobError(
        `the key column ${name} is hidden by its treatment: the project needs a hashKey, with which rows are recognised`,
      );
    }
  }
  return [...key];
}

/** Takes rows in the order of the cursor, until the batch is full. */
export interface RowTaker {
  /** @returns false when the batch was full already: the row is left for the next pull */
  take(cells: readonly (string | null)[], at: bigint | null): boolean;
  /** @param ceiling see advanceCursor */
  finish(options: {
    readonly cursorKind: CursorKind | null;
    readonly lagSecs: number;
    readonly ceiling: bigint | null;
  }): Intake;
  /** Frees the stage after an error. */
  abandon(): void;
}

/**
 * @param columns of the cells, in their order
 * @param seen rows that were taken before
 */
export async function openRowTaker(
  request: IntakeRequest,
  columns: readonly TextColumn[],
  identity: readonly string[],
  before: RowsBefore,
): Promise<RowTaker> {
  const { spec, engine, hashKey } = request;
  const staged = columns.flatMap(({ name }, i) =>
    request.treatmentOf(name) === "drop" ? [] : [i],
  );
  const idents = identity.map((name) => columns.findIndex((column) => column.name === name));
  const stage = await openStage(engine, staged.length);
  const isNew = newRowFilter(before.seen);
  const taken: Omit<SeenRow, "count">[] = [];
  let highest: bigint | null = null;
  let hasMore = false;
  return {
    take(cells, at) {
      const digest = rowDigest(hashKey, [
        ...idents.map((index) => cells[index] ?? null),
        at?.toString() ?? null,
      ]);
      if (!isNew(digest)) return true;
      hasMore = stage.rows === spec.feed.batchRows;
      if (hasMore) return false;
      stage.append(staged.map((index) => cells[index] ?? null));
      taken.push({ at, digest });
      if (at !== null && (highest === null || at > highest)) highest = at;
      return true;
    },
    finish({ cursorKind, lagSecs, ceiling }) {
      stage.close();
      const kind = cursorKind ?? before.cursorKind;
      const cursor = advanceCursor(before.cursor, highest, kind === "integer" ? null : ceiling);
      const floor = kind === null || cursor === null ? null : lagFloor(kind, cursor, lagSecs);
      return {
        from: STAGE_TABLE,
        columns: rawColumns(columns, staged),
        rows: stage.rows,
        hasMore,
        cursor: kind === null || cursor === null ? null : formatCursor(kind, cursor),
        content: { kind: "rows", cursorKind: kind, rows: rememberRows(before.seen, taken, floor) },
        fileNames: [],
        refused: [],
        settle: () => Promise.resolve(),
      };
    },
    abandon: () => stage.close(),
  };
}

function rawColumns(columns: readonly TextColumn[], staged: readonly number[]): RawColumn[] {
  return columns.map(({ name, type }, index) => {
    const place = staged.indexOf(index);
    return {
      name,
      sql: place === -1 ? "CAST(NULL AS VARCHAR)" : stageColumn(place),
      engineType: "VARCHAR",
      type,
    };
  });
}
