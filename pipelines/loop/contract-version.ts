import { createHash } from "node:crypto";
import type { DatasetConfig } from "../project/project.ts";
import type { Contract } from "../quality/check-spec.ts";
import { effectiveContract } from "../quality/merge-overrides.ts";
import { subjectOf } from "../store/subject.ts";
import { type CommitContext, raise } from "./commit/commit.ts";
import { canonical } from "./run-key.ts";

/** Makes the dataset's next contract: what was inferred, with the project's overrides. */
export async function addContract(
  context: CommitContext,
  dataset: string,
  inferred: Contract,
  why: string,
): Promise<void> {
  const { tx, project, nowMs } = context;
  const config = project.project.datasets[dataset] ?? {};
  const last = await tx
    .selectFrom("contracts")
    .select("version")
    .where("dataset", "=", dataset)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  const version = (last?.version ?? 0) + 1;
  const effective = effectiveContract(inferred, config, version);
  await tx
    .insertInto("contracts")
    .values({
      dataset,
      version,
      inferred_json: JSON.stringify(inferred),
      effective_json: JSON.stringify(effective),
      overrides_sha256: overridesHash(config),
      created_at_ms: nowMs,
    })
    .execute();
  await raise(context, {
    type: "contract.changed",
    subject: subjectOf.dataset(dataset),
    runId: null,
    details: { version, why, columns: Object.keys(effective.columns).length },
  });
}

/** A contract whose overrides the project file changed gets its next version. */
export async function refreshContracts(context: CommitContext): Promise<void> {
  for (const [dataset, config] of Object.entries(context.project.project.datasets)) {
    const last = await context.tx
      .selectFrom("contracts")
      .selectAll()
      .where("dataset", "=", dataset)
      .orderBy("version", "desc")
      .limit(1)
      .executeTakeFirst();
    if (last === undefined || last.overrides_sha256 === overridesHash(config)) continue;
    const inferred = JSON.parse(last.inferred_json) as Contract;
    await addContract(context, dataset, inferred, "the project file changed");
  }
}

function overridesHash({ contract }: DatasetConfig): string {
  const overrides = [contract?.columns ?? null, contract?.minRows ?? null];
  return createHash("sha256").update(canonical(overrides)).digest("hex");
}
