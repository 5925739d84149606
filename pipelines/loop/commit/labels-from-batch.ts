import { mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fromParquet, openDataEngine, quoteName, quoteText } from "../../datasets/duckdb.ts";
import type { Project } from "../../project/project.ts";
import { subjectOf } from "../../store/subject.ts";
import { homePaths } from "../home.ts";
import type { BatchRow } from "../snapshot.ts";
import { addOutputs, type CommitContext, raise } from "./commit.ts";

/** Labels that came as rows of a dataset: the project says which columns name prediction and truth. */
export async function addLabelsOf(context: CommitContext, batch: BatchRow): Promise<void> {
  const feeds = Object.entries(context.project.project.labels);
  for (const [name, feed] of feeds) {
    if (feed.dataset === batch.dataset) await addLabels(context, batch, name, feed);
  }
}

async function addLabels(
  context: CommitContext,
  batch: BatchRow,
  name: string,
  feed: Project["labels"][string],
): Promise<void> {
  const id = `${batch.id}-${name}`;
  const path = homePaths.labels(context.home, id);
  const rows = await writeLabels(context, batch, feed, path);
  if (rows === 0) return;
  await context.tx
    .insertInto("label_files")
    .values({ id, tier: 0, path, rows, created_at_ms: context.nowMs })
    .execute();
  await addOutputs(context, batch.run_id, [subjectOf.labels(id)]);
  await raise(context, {
    type: "labels.collected",
    subject: subjectOf.labels(id),
    runId: batch.run_id,
    details: { rows, dataset: batch.dataset },
  });
}

/** Returns how many rows hold a label; the columns are those of CollectResult.labels. */
async function writeLabels(
  { home, nowMs }: CommitContext,
  batch: BatchRow,
  feed: Project["labels"][string],
  path: string,
): Promise<number> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const engine = await openDataEngine({ folders: [join(home, "data")], memoryMib: 256 });
  try {
    const row = feed.row === undefined ? "0" : quoteName(feed.row);
    const from = `${fromParquet([batch.path])} WHERE ${quoteName(feed.label)} IS NOT NULL AND ${quoteName(feed.inferenceId)} IS NOT NULL`;
    await engine.run(
      `COPY (SELECT ${quoteText(feed.model)} AS model, CAST(${quoteName(feed.inferenceId)} AS VARCHAR) AS inference_id,
         CAST(${row} AS BIGINT) AS "row", CAST(${quoteName(feed.label)} AS VARCHAR) AS label,
         CAST(${nowMs} AS BIGINT) AS at_ms FROM ${from})
       TO ${quoteText(`${path}.tmp`)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const [count] = await engine.rows(`SELECT CAST(count(*) AS DOUBLE) AS n FROM ${from}`);
    renameSync(`${path}.tmp`, path);
    return Number(count?.["n"] ?? 0);
  } finally {
    engine.close();
  }
}
