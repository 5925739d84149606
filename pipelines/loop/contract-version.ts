import { createHash } from "node:crypto";
import { JobError } from "../jobs/job-error.ts";
import type { DatasetConfig } from "../project/project.ts";
import type { Contract } from "../quality/check-spec.ts";
import { effectiveContract } from "../quality/merge-overrides.ts";
import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { ContractTable } from "../store/tables.ts";
import { type CommitContext, raise } from "./commit/commit.ts";
import { canonical } from "./run-key.ts";

/**
 * Makes the dataset's first contract: what was inferred, with the project's overrides. Overrides of a
 * column that contradict it are left out, and an event says so: the batch must land all the same.
 */
export async function addContract(
  context: CommitContext,
  dataset: string,
  inferred: Contract,
  why: string,
): Promise<void> {
  const config = context.project.project.datasets[dataset] ?? {};
  const { sound, problems } = soundOverrides(inferred, config);
  const version = ((await lastContract(context.tx, dataset))?.version ?? 0) + 1;
  const effective = effectiveContract(inferred, sound, version);
  await insertContract(context, { dataset, inferred, effective, config: sound, why });
  if (problems.length > 0) await raiseRefused(context, dataset, problems.join("; "));
}

/**
 * A contract whose overrides the project file changed gets its next version. Overrides that
 * contradict what was inferred change nothing: the contract stays as it is, an event is raised once,
 * and the answer says so, one line a dataset.
 */
export async function refreshContracts(context: CommitContext): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [dataset, config] of Object.entries(context.project.project.datasets)) {
    const last = await lastContract(context.tx, dataset);
    if (last === null || last.overrides_sha256 === overridesHash(config)) continue;
    const inferred = JSON.parse(last.inferred_json) as Contract;
    const problem = explainContradiction(inferred, config);
    if (problem !== null) {
      problems.push(`dataset '${dataset}' keeps contract version ${last.version}: ${problem}`);
      await raiseRefused(context, dataset, problem);
      continue;
    }
    const effective = effectiveContract(inferred, config, last.version + 1);
    const why = "the project file changed";
    await insertContract(context, { dataset, inferred, effective, config, why });
  }
  return problems;
}

/** Why the project's overrides cannot be laid over what was inferred; null: they can. */
export function explainContradiction(inferred: Contract, config: DatasetConfig): string | null {
  try {
    effectiveContract(inferred, config, 1);
    return null;
  } catch (error) {
    if (error instanceof JobError) return error.message;
    throw error;
  }
}

export async function lastContract(
  store: StoreReader,
  dataset: string,
): Promise<ContractTable | null> {
  const last = await store
    .selectFrom("contracts")
    .selectAll()
    .where("dataset", "=", dataset)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  return last ?? null;
}

/** The settings without the columns whose overrides contradict what was inferred, and why those do. */
function soundOverrides(
  inferred: Contract,
  config: DatasetConfig,
): { readonly sound: DatasetConfig; readonly problems: readonly string[] } {
  const { contract } = config;
  if (contract?.columns === undefined) return { sound: config, problems: [] };
  const problems: string[] = [];
  const columns = Object.entries(contract.columns).filter(([name, overrides]) => {
    const alone = { contract: { ...contract, columns: { [name]: overrides } } };
    const problem = explainContradiction(inferred, alone);
    if (problem !== null) problems.push(problem);
    return problem === null;
  });
  const sound = { ...config, contract: { ...contract, columns: Object.fromEntries(columns) } };
  return { sound, problems };
}

interface NewContract {
  readonly dataset: string;
  readonly inferred: Contract;
  readonly effective: Contract;
  /** Whose overrides went in. */
  readonly config: DatasetConfig;
  readonly why: string;
}

async function insertContract(
  context: CommitContext,
  { dataset, inferred, effective, config, why }: NewContract,
): Promise<void> {
  const { version, columns } = effective;
  await context.tx
    .insertInto("contracts")
    .values({
      dataset,
      version,
      inferred_json: JSON.stringify(inferred),
      effective_json: JSON.stringify(effective),
      overrides_sha256: overridesHash(config),
      created_at_ms: context.nowMs,
    })
    .execute();
  await raise(context, {
    type: "contract.changed",
    subject: subjectOf.dataset(dataset),
    runId: null,
    details: { version, why, columns: Object.keys(columns).length },
  });
}

/** Once for the same reason, however often a program starts. */
async function raiseRefused(
  context: CommitContext,
  dataset: string,
  reason: string,
): Promise<void> {
  const subject = subjectOf.dataset(dataset);
  const details = { reason };
  const last = await context.tx
    .selectFrom("events")
    .select(["type", "details_json"])
    .where("subject", "=", subject)
    .where("type", "in", ["contract.refused", "contract.changed"])
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  if (last?.type === "contract.refused" && last.details_json === JSON.stringify(details)) return;
  await raise(context, { type: "contract.refused", subject, runId: null, details });
}

/** Of what goes into the contract; what only a check goes by is in checkRules. */
function overridesHash({ contract }: DatasetConfig): string {
  const overrides = [contract?.columns ?? null, contract?.minRows ?? null];
  return createHash("sha256").update(canonical(overrides)).digest("hex");
}
