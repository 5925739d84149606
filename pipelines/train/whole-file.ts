import { open, rename } from "node:fs/promises";
import { type DataEngine, quoteText } from "../datasets/duckdb.ts";

/** There whole or not at all. */
export async function writeWholeFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** The rows of a query as Parquet, there whole or not at all. */
export async function writeWholeParquet(
  engine: DataEngine,
  query: string,
  path: string,
): Promise<void> {
  const temporary = `${path}.tmp`;
  await engine.run(`COPY (${query}) TO ${quoteText(temporary)} (FORMAT parquet, COMPRESSION zstd)`);
  await rename(temporary, path);
}
