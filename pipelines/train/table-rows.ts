import type { Column, Table } from "../datasets/column.ts";

/** Rows start … end-1; numbers are shared with `table`, not copied. */
export function sliceTable(table: Table, start: number, end: number): Table {
  return mapColumns(table, end - start, (column) =>
    column.kind === "number"
      ? { kind: "number", values: column.values.subarray(start, end) }
      : { kind: "text", values: column.values.slice(start, end) },
  );
}

/** These rows in this order, copied. */
export function pickRows(table: Table, rows: Int32Array): Table {
  return mapColumns(table, rows.length, (column) =>
    column.kind === "number"
      ? { kind: "number", values: Float64Array.from(rows, (row) => column.values[row] as number) }
      : { kind: "text", values: Array.from(rows, (row) => column.values[row] ?? null) },
  );
}

/** 1 for each row in which a value is missing; "" is a missing text. */
export function hasMissing(table: Table): Uint8Array {
  const found = new Uint8Array(table.rows);
  for (const column of table.columns.values()) {
    for (let row = 0; row < table.rows; row += 1) {
      const value = column.values[row];
      if (value === null || value === "" || Number.isNaN(value)) found[row] = 1;
    }
  }
  return found;
}

function mapColumns(table: Table, rows: number, map: (column: Column) => Column): Table {
  const columns = new Map([...table.columns].map(([name, column]) => [name, map(column)]));
  return { rows, columns };
}
