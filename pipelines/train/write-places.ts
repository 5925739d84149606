import { type DataEngine, quoteName } from "../datasets/duckdb.ts";
import { PREDICTION } from "./job-layout.ts";
import { PLACE, ROWS_TABLE } from "./prepare-rows.ts";
import { writeWholeParquet } from "./whole-file.ts";

/**
 * Writes rows of ROWS_TABLE as Parquet.
 * @param places ascending
 * @param predictions one for each place, as the column `prediction`; null: without that column
 */
export async function writePlaces(
  engine: DataEngine,
  path: string,
  columns: readonly string[],
  places: Int32Array,
  predictions: Float64Array | null,
): Promise<void> {
  await engine.run(`CREATE OR REPLACE TABLE chosen (${PLACE} BIGINT, ${PREDICTION} DOUBLE)`);
  const appender = await engine.connection.createAppender("chosen");
  places.forEach((place, index) => {
    appender.appendBigInt(BigInt(place));
    appender.appendDouble(predictions?.[index] ?? Number.NaN);
    appender.endRow();
  });
  appender.closeSync();
  const fields = columns.map((name) => `${ROWS_TABLE}.${quoteName(name)}`);
  if (predictions !== null) fields.push(`chosen.${PREDICTION}`);
  await writeWholeParquet(
    engine,
    `SELECT ${fields.join(", ")} FROM chosen JOIN ${ROWS_TABLE} USING (${PLACE}) ORDER BY ${PLACE}`,
    path,
  );
  await engine.run("DROP TABLE chosen");
}
