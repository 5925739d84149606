import type { Jobs } from "../../jobs/job.ts";
import type { Problem } from "../../quality/check-spec.ts";
import { subjectOf } from "../../store/subject.ts";
import type { RunTable } from "../../store/tables.ts";
import { checkRules } from "../check-rules.ts";
import { MAX_INTERRUPTED } from "../interrupted.ts";
import { type CommitContext, raise } from "./commit.ts";

/** Failed runs of one key after which its batch is set aside. */
const MAX_CHECKS = 3;
/** Fewer: a batch that is scored alone has failed with others before. */
const MAX_SCORES = 2;

/**
 * Takes a batch out of the way that a check or a score job fails with again and again, so that those
 * behind it go on. Call it in the transaction in which the run failed. A quarantined batch is checked
 * again under other rules, a skipped one is scored by the next version.
 */
export async function setAside(
  context: CommitContext,
  run: RunTable,
  message: string,
): Promise<void> {
  if (run.kind !== "check" && run.kind !== "score") return;
  const failures = await countFailures(context, run.key);
  const endsCoordinators = run.interrupted_attempts >= MAX_INTERRUPTED;
  if (run.kind === "check") {
    if (endsCoordinators || failures >= MAX_CHECKS)
      await quarantine(context, run, failures, message);
  } else if (endsCoordinators || failures >= MAX_SCORES)
    await skip(context, run, failures, message);
}

async function countFailures({ tx }: CommitContext, key: string): Promise<number> {
  const row = await tx
    .selectFrom("runs")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("key", "=", key)
    .where("status", "=", "failed")
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

async function quarantine(
  context: CommitContext,
  run: RunTable,
  failures: number,
  message: string,
): Promise<void> {
  const spec = JSON.parse(run.spec_json) as Jobs["check"]["spec"];
  const contractVersion = spec.contract?.version ?? 0;
  const found = `${failures} checks failed, the last: ${message}`;
  const problems: Problem[] = [
    { column: null, rule: "check", expected: "a check that comes to an end", found },
  ];
  const { numUpdatedRows } = await context.tx
    .updateTable("batches")
    .set({
      status: "quarantined",
      problems_json: JSON.stringify(problems),
      checked_contract: contractVersion,
      checked_rules: checkRules(contractVersion, spec.dataset),
    })
    .where("id", "=", spec.batch.id)
    .where("status", "<>", "landed")
    .executeTakeFirst();
  if (Number(numUpdatedRows) === 0) return;
  await raise(context, {
    type: "batch.quarantined",
    subject: subjectOf.batch(spec.batch.id),
    runId: run.id,
    details: { dataset: spec.datasetName, problems },
  });
}

async function skip(
  context: CommitContext,
  run: RunTable,
  failures: number,
  message: string,
): Promise<void> {
  const { model, version, files } = JSON.parse(run.spec_json) as Jobs["score"]["spec"];
  const [file, ...others] = files;
  // Several are tried one by one next; what the project asks for no more is nobody's fault.
  if (file === undefined || others.length > 0) return;
  if (context.project.project.models[model]?.score === undefined) return;
  const problem = `${failures} score jobs failed, the last: ${message}`;
  const skipped = { version, into_batch_id: null, problem };
  const { numInsertedOrUpdatedRows } = await context.tx
    .insertInto("scored")
    .values({ model, batch_id: file.batchId, ...skipped })
    .onConflict((conflict) =>
      conflict
        .columns(["model", "batch_id"])
        .doUpdateSet(skipped)
        .where("scored.into_batch_id", "is", null),
    )
    .executeTakeFirst();
  if (Number(numInsertedOrUpdatedRows) === 0) return;
  await raise(context, {
    type: "predictions.skipped",
    subject: subjectOf.batch(file.batchId),
    runId: run.id,
    details: { model, version, rows: file.rows, problem },
  });
}
