import { type DataEngine, fromParquet, quoteName } from "../datasets/duckdb.ts";
import type { CheckSpec } from "./check-spec.ts";

const NUMBER_TYPE = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/**
 * Rows of the batch whose key stands in one of the accepted files; 0 without a key, or without its
 * columns on either side. A key with a missing part names no row. Memory: the keys of the batch.
 */
export async function countKnownKeys(
  engine: DataEngine,
  { dataset, batch, acceptedPaths }: CheckSpec,
): Promise<number> {
  const { key = [] } = dataset;
  if (key.length === 0 || acceptedPaths.length === 0) return 0;
  const own = fromParquet([batch.path]);
  const before = fromParquet(acceptedPaths);
  const ownTypes = await readTypes(engine, own);
  const typesBefore = await readTypes(engine, before);
  if (key.some((name) => !ownTypes.has(name) || !typesBefore.has(name))) return 0;
  const columns = key
    .map((name, index) => `${keySql(name, ownTypes.get(name), typesBefore.get(name))} AS k${index}`)
    .join(", ");
  const keys = key.map((_, index) => `k${index}`).join(", ");
  const [row] = await engine.rows(
    `WITH batch AS (SELECT ${columns} FROM ${own}),
       before AS (SELECT ${columns} FROM ${before}),
       known AS (SELECT DISTINCT ${keys} FROM before SEMI JOIN batch USING (${keys}))
     SELECT count(*) AS n FROM batch SEMI JOIN known USING (${keys})`,
  );
  return Number(row?.["n"]);
}

async function readTypes(engine: DataEngine, from: string): Promise<ReadonlyMap<string, string>> {
  const rows = await engine.rows(`DESCRIBE SELECT * FROM ${from}`);
  return new Map(rows.map((row) => [String(row["column_name"]), String(row["column_type"])]));
}

/** Numbers of any kind compare as they are; what the engine cannot compare, as text. */
function keySql(name: string, own: string | undefined, before: string | undefined): string {
  const areNumbers = NUMBER_TYPE.test(own ?? "") && NUMBER_TYPE.test(before ?? "");
  const column = quoteName(name);
  return own === before || areNumbers ? column : `CAST(${column} AS VARCHAR)`;
}
