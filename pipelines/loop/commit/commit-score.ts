import { join } from "node:path";
import { JobError } from "../../jobs/job-error.ts";
import { subjectOf } from "../../store/subject.ts";
import { homePaths } from "../home.ts";
import { afterLanding } from "./after-landing.ts";
import { addOutputs, type Commit, nextBatchSeq, raise } from "./commit.ts";
import { landBatch } from "./land-batch.ts";
import { takeFile } from "./take-file.ts";

/** Predictions are a dataset like any other; they were made here, so no contract judges them. */
export const commitScore: Commit<"score"> = async (
  context,
  { id, subject, spec, result, folder },
) => {
  const into = context.project.project.models[spec.model]?.score?.into;
  // Finished without a trace it would never be scored, should the project ask for it again.
  if (into === undefined) {
    throw new JobError(`the project file asks for no predictions of '${spec.model}' any more`);
  }
  const { batch } = result;
  const path = homePaths.batch(context.home, into, id);
  takeFile(join(folder, batch.file), path);
  const row = {
    seq: await nextBatchSeq(context.tx),
    id,
    dataset: into,
    origin: `score:${spec.model}`,
    status: "pulled" as const,
    path,
    sha256: batch.sha256,
    bytes: batch.bytes,
    rows: batch.rows,
    schema_json: JSON.stringify(batch.schema),
    treatments_json: JSON.stringify(batch.treatments),
    is_partial: 0,
    profile_path: null,
    problems_json: null,
    checked_contract: null,
    checked_rules: null,
    run_id: id,
    created_at_ms: context.nowMs,
  };
  await context.tx.insertInto("batches").values(row).execute();
  const batchIds = spec.files.map((file) => file.batchId);
  await context.tx
    .deleteFrom("scored")
    .where("model", "=", spec.model)
    .where("batch_id", "in", batchIds)
    .where("into_batch_id", "is", null)
    .execute();
  await context.tx
    .insertInto("scored")
    .values(
      batchIds.map((batchId) => ({
        model: spec.model,
        batch_id: batchId,
        version: spec.version,
        into_batch_id: id,
        problem: null,
      })),
    )
    .execute();
  await addOutputs(context, id, [subjectOf.batch(id)]);
  const landed = await landBatch(context, row, null, id);
  await raise(context, {
    type: "predictions.scored",
    subject,
    runId: id,
    details: { into, rows: batch.rows, batches: spec.files.length },
  });
  await afterLanding(context, landed);
};
