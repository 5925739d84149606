import { join } from "node:path";
import { subjectOf } from "../../store/subject.ts";
import { checkRules } from "../check-rules.ts";
import { addContract } from "../contract-version.ts";
import { homePaths } from "../home.ts";
import type { BatchRow } from "../snapshot.ts";
import { afterLanding } from "./after-landing.ts";
import { type Commit, type CommitContext, type FinishedRun, raise } from "./commit.ts";
import { landBatch } from "./land-batch.ts";
import { takeFile } from "./take-file.ts";

/** Lands the batch, or quarantines it with its report. */
export const commitCheck: Commit<"check"> = async (context, run) => {
  const { spec, result, folder } = run;
  const batch = await context.tx
    .selectFrom("batches")
    .selectAll()
    .where("id", "=", spec.batch.id)
    .executeTakeFirstOrThrow();
  if (batch.status === "landed") return;
  const profilePath = homePaths.profile(context.home, spec.datasetName, batch.id);
  takeFile(join(folder, result.profileFile), profilePath);
  await context.tx
    .updateTable("batches")
    .set({
      profile_path: profilePath,
      problems_json: JSON.stringify(result.problems),
      checked_contract: spec.contract?.version ?? 0,
      checked_rules: checkRules(spec.contract?.version ?? 0, spec.dataset),
    })
    .where("id", "=", batch.id)
    .execute();
  if (result.outcome === "failed") await quarantine(context, run, batch);
  else await accept(context, run, batch);
};

async function quarantine(
  context: CommitContext,
  { id, result }: FinishedRun<"check">,
  batch: BatchRow,
): Promise<void> {
  await context.tx
    .updateTable("batches")
    .set({ status: "quarantined" })
    .where("id", "=", batch.id)
    .execute();
  await raise(context, {
    type: "batch.quarantined",
    subject: subjectOf.batch(batch.id),
    runId: id,
    details: { dataset: batch.dataset, rows: batch.rows, problems: result.problems },
  });
}

async function accept(
  context: CommitContext,
  run: FinishedRun<"check">,
  batch: BatchRow,
): Promise<void> {
  const { id, spec, result } = run;
  const wasQuarantined = batch.status === "quarantined";
  const contract = spec.contract?.version ?? null;
  const landed = await landBatch(context, batch, contract, id, result.updatedRows);
  await raise(context, {
    type: wasQuarantined ? "batch.released" : "batch.landed",
    subject: subjectOf.batch(batch.id),
    runId: id,
    details: {
      dataset: batch.dataset,
      rows: batch.rows,
      updatedRows: result.updatedRows,
      warnings: result.problems.length,
    },
  });
  if (result.inferred !== null) {
    await addContract(
      context,
      spec.datasetName,
      result.inferred,
      `inferred from ${spec.acceptedPaths.length + 1} batches`,
    );
  }
  await afterLanding(context, landed);
}
