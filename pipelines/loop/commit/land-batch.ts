import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ColumnSchema } from "../../datasets/column.ts";
import type { DatasetVersion } from "../../datasets/dataset-version.ts";
import { subjectOf } from "../../store/subject.ts";
import { homePaths } from "../home.ts";
import { fileOf } from "../plan-score.ts";
import type { BatchRow } from "../snapshot.ts";
import { addOutputs, type CommitContext, nextBatchSeq, raise } from "./commit.ts";

/**
 * Makes an accepted batch part of its dataset, as the dataset's next version. Returns the batch as it then is.
 * @param updatedRows rows that take the place of earlier ones of their key
 */
export async function landBatch(
  context: CommitContext,
  batch: BatchRow,
  contractVersion: number | null,
  runId: string,
  updatedRows = 0,
): Promise<BatchRow> {
  const { tx } = context;
  const seq = await nextBatchSeq(tx);
  await tx
    .updateTable("batches")
    .set({ status: "landed", seq })
    .where("id", "=", batch.id)
    .execute();
  const last = await tx
    .selectFrom("dataset_versions")
    .select(["version", "rows", "updated_rows"])
    .where("dataset", "=", batch.dataset)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  const next = nextVersion(last ?? { version: 0, rows: 0 }, batch, contractVersion);
  const path = homePaths.datasetVersion(context.home, batch.dataset, next.version);
  writeDocument(path, next);
  await tx
    .insertInto("dataset_versions")
    .values({
      dataset: batch.dataset,
      version: next.version,
      path,
      rows: next.rows,
      updated_rows: (last?.updated_rows ?? 0) + updatedRows,
      batch_id: batch.id,
      run_id: runId,
      created_at_ms: context.nowMs,
    })
    .execute();
  await addOutputs(context, runId, [subjectOf.dataset(batch.dataset, next.version)]);
  await raise(context, {
    type: "dataset.versioned",
    subject: subjectOf.dataset(batch.dataset, next.version),
    runId,
    details: { rows: next.rows, files: next.files, batch: batch.id, newRows: batch.rows },
  });
  return { ...batch, status: "landed", seq };
}

function nextVersion(
  before: Pick<DatasetVersion, "version" | "rows">,
  batch: BatchRow,
  contractVersion: number | null,
): DatasetVersion {
  const version = before.version + 1;
  return {
    schemaVersion: 1,
    dataset: batch.dataset,
    version,
    file: fileOf(batch),
    rows: before.rows + batch.rows,
    // Each version adds one.
    files: version,
    schema: JSON.parse(batch.schema_json) as ColumnSchema[],
    contractVersion,
  };
}

/** Under its name only when whole. A number whose transaction failed is written anew by the next. */
function writeDocument(path: string, version: DatasetVersion): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(version)}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
