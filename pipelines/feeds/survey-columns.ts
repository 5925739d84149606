import type { DataEngine } from "../datasets/duckdb.ts";
import { JobError } from "../jobs/job-error.ts";
import { mayHoldPersonalData, type PlannedColumn } from "./column-plan.ts";
import { findPersonalData } from "./personal-data.ts";

const SAMPLE_VALUES = 1000;
const SAMPLE_CHARACTERS = 2000;

/**
 * Looks once over all rows: does every value fit its type, and which columns look like personal data?
 * @returns one line for each column that nobody decided about, without values
 * @throws JobError for values that do not fit
 */
export async function surveyColumns(
  engine: DataEngine,
  from: string,
  columns: readonly PlannedColumn[],
  feedName: string,
): Promise<string[]> {
  // The same rows give the same sample.
  await engine.run("SELECT setseed(0.5)");
  const fields = columns.flatMap((column, index) => [
    `${misfitSql(column)} AS m${index}`,
    `${sampleSql(column)} AS s${index}`,
  ]);
  const [row] = await engine.rows(`SELECT ${fields.join(", ")} FROM ${from}`);
  const misfits = columns.flatMap((column, index) => {
    const count = Number(row?.[`m${index}`]);
    return count === 0 ? [] : [describeMisfit(column, count)];
  });
  if (misfits.length > 0) throw new JobError(misfits.join("; "));
  return columns.flatMap((column, index) => {
    const sample = row?.[`s${index}`];
    const values = typeof sample === "string" ? (JSON.parse(sample) as string[]) : [];
    return describePersonalData(column.schema.name, values, feedName);
  });
}

function misfitSql({ raw, sql }: PlannedColumn): string {
  return `count(*) FILTER (${raw.sql} IS NOT NULL AND (${sql}) IS NULL)`;
}

function sampleSql(column: PlannedColumn): string {
  if (!mayHoldPersonalData(column)) return "NULL";
  const text = `left(${column.text}, ${SAMPLE_CHARACTERS})`;
  const sample = `arg_min(${text}, random(), ${SAMPLE_VALUES}) FILTER (${column.text} IS NOT NULL)`;
  return `CAST(to_json(${sample}) AS VARCHAR)`;
}

function describeMisfit({ schema, isInferred }: PlannedColumn, count: number): string {
  const what = `column ${schema.name}: ${count} values are no ${schema.type}`;
  if (schema.type !== "integer") return what;
  const advice = `declare it as ${isInferred ? "text (or number)" : "text"} under types`;
  return `${what} within ±(2^53-1); if they are larger, ${advice}`;
}

function describePersonalData(
  column: string,
  values: readonly string[],
  feedName: string,
): string[] {
  const found = findPersonalData(values);
  if (found === null) return [];
  const share = Math.max(1, Math.round(found.share * 100));
  return [
    `column ${column}: ${share} % of ${values.length} values hold personal data (${found.kind}); under feeds.${feedName}.sanitise write "${column}: hash" (or mask, or drop), or "${column}: keep-reviewed" if it may be kept`,
  ];
}
