import type { DataEngine } from "../datasets/duckdb.ts";

/** Rows on their way into the data engine, in its memory, as text. */
export interface Stage {
  readonly rows: number;
  append(cells: readonly (string | null)[]): void;
  /** No more rows; the table can be read. */
  close(): void;
}

export const STAGE_TABLE = "staged_rows";

/** The table's columns are `c0`, `c1`, …: names of a source may differ only in case, the engine's may not. */
export async function openStage(engine: DataEngine, width: number): Promise<Stage> {
  const fields = Array.from({ length: width }, (_, index) => `${stageColumn(index)} VARCHAR`);
  // A table needs a column; a source of nothing but dropped ones is refused later.
  await engine.run(`CREATE TABLE ${STAGE_TABLE} (${["filler BOOLEAN", ...fields].join(", ")})`);
  const appender = await engine.connection.createAppender(STAGE_TABLE);
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    append(cells) {
      appender.appendNull();
      for (const cell of cells) {
        if (cell === null) appender.appendNull();
        else appender.appendVarchar(cell);
      }
      appender.endRow();
      rows += 1;
    },
    close() {
      appender.closeSync();
    },
  };
}

export function stageColumn(index: number): string {
  return `c${index}`;
}
