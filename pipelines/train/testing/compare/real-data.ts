import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { ColumnSchema, Table } from "../../../datasets/column.ts";
import { openDataEngine, quoteName, quoteText } from "../../../datasets/duckdb.ts";
import { readTable } from "../../../datasets/read-table.ts";
import type { MetricName, ModelConfig } from "../../../project/project.ts";
import type { Feature } from "../../train-spec.ts";

/** A real data set from an npm package, and how it is cut. */
export interface RealData {
  readonly name: string;
  readonly task: ModelConfig["task"];
  readonly metric: MetricName;
  readonly features: readonly Feature[];
  readonly file: string;
  /** Rows with `target`, `is_test` and `position`, which orders them in time or by a fixed hash. */
  readonly rows: string;
}

export interface SplitTable {
  readonly table: Table;
  readonly truth: Float64Array;
}

/** By path: vega-datasets exports its code only. */
const packages = fileURLToPath(new URL("../../../../../node_modules/", import.meta.url));
const vega = (file: string) => `${packages}vega-datasets/data/${file}`;
const observable = (file: string) => `${packages}@observablehq/sample-datasets/${file}`;

const numbers = (...names: string[]): Feature[] => names.map((name) => ({ name, kind: "number" }));
const texts = (...names: string[]): Feature[] => names.map((name) => ({ name, kind: "text" }));

const FLIGHTS: RealData = {
  name: "flights, delay > 15 min, last two months",
  task: "binary",
  metric: "auc",
  features: [...texts("origin", "destination"), ...numbers("distance", "hour", "weekday")],
  file: vega("flights-3m.parquet"),
  rows: `SELECT *, hour(date) AS hour, dayofweek(date) AS weekday, delay > 15 AS target,
      date >= TIMESTAMP '2001-05-01' AS is_test, epoch(date) AS position
    FROM (SELECT *, row_number() OVER () AS n FROM $file) WHERE n % 20 = 0`,
};

const BIRDSTRIKES: RealData = {
  name: "birdstrikes, damage, last three years",
  task: "binary",
  metric: "auc",
  features: [
    ...texts(
      "Airport Name",
      "Aircraft Make Model",
      "Aircraft Airline Operator",
      "Origin State",
      "Phase of flight",
      "Wildlife Size",
      "Wildlife Species",
      "Time of day",
    ),
    ...numbers("Speed IAS in knots", "month"),
  ],
  file: vega("birdstrikes.csv"),
  rows: `SELECT *, month("Flight Date") AS month, "Effect Amount of damage" <> 'None' AS target,
      year("Flight Date") >= 2000 AS is_test, epoch("Flight Date") AS position FROM $file`,
};

const DIAMONDS: RealData = {
  name: "diamonds, log price, shuffled",
  task: "regression",
  metric: "rmse",
  features: [
    ...texts("cut", "color", "clarity"),
    ...numbers("carat", "depth", "table", "x", "y", "z"),
  ],
  file: observable("diamonds.csv"),
  rows: `SELECT *, ln(price) AS target, place % 5 = 0 AS is_test, place AS position
    FROM (SELECT *, CAST('0x' || substr(md5(CAST(row_number() OVER () AS VARCHAR)), 1, 8) AS BIGINT) AS place
      FROM $file)`,
};

export const REAL_DATA: readonly RealData[] = [FLIGHTS, BIRDSTRIKES, DIAMONDS];

/** @param every keeps each so many-th row, for a quicker look */
export async function readRealData(
  data: RealData,
  every: number,
): Promise<{ train: SplitTable; test: SplitTable }> {
  const engine = await openDataEngine({ folders: [dirname(data.file)] });
  try {
    const reader = data.file.endsWith(".parquet") ? "read_parquet" : "read_csv";
    const source = data.rows.replace("$file", `${reader}(${quoteText(data.file)})`);
    const features = data.features.map(({ name }) => quoteName(name)).join(", ");
    await engine.run(
      `CREATE TABLE rows AS SELECT ${features}, target, is_test
       FROM (SELECT *, row_number() OVER (ORDER BY position) AS place_in_order FROM (${source}))
       WHERE place_in_order % ${every} = 0 ORDER BY place_in_order`,
    );
    const schema: ColumnSchema[] = [
      ...data.features.map(({ name, kind }) => ({ name, type: kind })),
      { name: "target", type: "number" as const },
    ];
    const read = async (where: string) => {
      const table = await readTable(engine, `rows WHERE ${where}`, schema);
      return { table, truth: table.columns.get("target")?.values as Float64Array };
    };
    return { train: await read("NOT is_test"), test: await read("is_test") };
  } finally {
    engine.close();
  }
}
