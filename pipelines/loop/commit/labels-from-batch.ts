import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ColumnSchema } from "../../datasets/column.ts";
import { fromParquet, openDataEngine, quoteName, quoteText } from "../../datasets/duckdb.ts";
import type { Project } from "../../project/project.ts";
import { subjectOf } from "../../store/subject.ts";
import { homePaths } from "../home.ts";
import type { BatchRow } from "../snapshot.ts";
import { addOutputs, type CommitContext, raise } from "./commit.ts";

/** Far more than a request may have. */
const MAX_ROW = 4294967295;

type LabelFeed = Project["labels"][string];

/**
 * The labels of one batch by one entry of `labels:`, as a label file. Data that it cannot read never
 * makes it reject: columns that are not there and rows whose number is none are an event.
 * @param name of the entry
 */
export async function addLabels(
  context: CommitContext,
  batch: BatchRow,
  name: string,
  feed: LabelFeed,
): Promise<void> {
  const id = `${batch.id}-${name}`;
  const missing = missingColumns(batch, feed);
  const path = homePaths.labels(context.home, id);
  const { readable, unreadable } =
    missing.length > 0
      ? { readable: 0, unreadable: batch.rows }
      : await writeLabels(context, batch, feed, path);
  if (unreadable > 0) {
    await raise(context, {
      type: "labels.unreadable",
      subject: subjectOf.batch(batch.id),
      runId: batch.run_id,
      details: { labels: name, dataset: batch.dataset, rows: unreadable, missingColumns: missing },
    });
  }
  if (readable === 0) return;
  await context.tx
    .insertInto("label_files")
    .values({ id, tier: 0, path, rows: readable, created_at_ms: context.nowMs })
    .execute();
  await addOutputs(context, batch.run_id, [subjectOf.labels(id)]);
  await raise(context, {
    type: "labels.collected",
    subject: subjectOf.labels(id),
    runId: batch.run_id,
    details: { rows: readable, dataset: batch.dataset },
  });
}

/** The data engine's names do not tell upper from lower case. */
function missingColumns(batch: BatchRow, { inferenceId, row, label }: LabelFeed): string[] {
  const schema = JSON.parse(batch.schema_json) as ColumnSchema[];
  const names = new Set(schema.map((column) => column.name.toLowerCase()));
  const wanted = row === undefined ? [inferenceId, label] : [inferenceId, row, label];
  return wanted.filter((name) => !names.has(name.toLowerCase()));
}

/** By way of text: a type that has no number is none, where a cast of it would be refused. */
function rowNumber({ row }: LabelFeed): string {
  if (row === undefined) return "CAST(0 AS BIGINT)";
  const number = `TRY_CAST(CAST(${quoteName(row)} AS VARCHAR) AS DOUBLE)`;
  return `CASE WHEN ${number} BETWEEN 0 AND ${MAX_ROW} AND ${number} = floor(${number}) THEN CAST(${number} AS BIGINT) END`;
}

/** Rows that hold a label, with a number or without; the columns are those of CollectResult.labels. */
async function writeLabels(
  { home, nowMs }: CommitContext,
  batch: BatchRow,
  feed: LabelFeed,
  path: string,
): Promise<{ readonly readable: number; readonly unreadable: number }> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  const engine = await openDataEngine({ folders: [join(home, "data")], memoryMib: 256 });
  try {
    await engine.run(
      `CREATE VIEW told AS SELECT ${quoteText(feed.model)} AS model,
         CAST(${quoteName(feed.inferenceId)} AS VARCHAR) AS inference_id, ${rowNumber(feed)} AS "row",
         CAST(${quoteName(feed.label)} AS VARCHAR) AS label, CAST(${nowMs} AS BIGINT) AS at_ms
       FROM ${fromParquet([batch.path])}
       WHERE ${quoteName(feed.label)} IS NOT NULL AND ${quoteName(feed.inferenceId)} IS NOT NULL`,
    );
    await engine.run(
      `COPY (SELECT * FROM told WHERE "row" IS NOT NULL)
       TO ${quoteText(temporary)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const [count] = await engine.rows(
      `SELECT CAST(count("row") AS DOUBLE) AS readable, CAST(count(*) AS DOUBLE) AS told FROM told`,
    );
    const readable = Number(count?.["readable"] ?? 0);
    if (readable === 0) rmSync(temporary);
    else renameSync(temporary, path);
    return { readable, unreadable: Number(count?.["told"] ?? 0) - readable };
  } finally {
    engine.close();
  }
}
