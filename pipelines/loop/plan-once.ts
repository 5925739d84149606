import type { LoadedProject } from "../project/loaded-project.ts";
import { readAzureSecrets } from "../publish/azure-secrets.ts";
import { createStore } from "../publish/create-store.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import { assertIdentity } from "./identity.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import { plan } from "./plan.ts";
import type { Plan, PlannedRun, Withheld } from "./planned-run.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { RepositoryView } from "./repository-view.ts";
import { explainWait } from "./run-queue.ts";
import { untakenCaptureFiles } from "./untaken-capture-files.ts";

/**
 * What is due now, and why, without starting anything. Only looks (and copies a champion's files into the home).
 * @throws IdentityError
 */
export async function planOnce(
  store: Store,
  project: LoadedProject,
  config: PipelinesConfig,
  env: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): Promise<Plan> {
  const warnings: string[] = [];
  const repository = createStore(config.modelRepository, readAzureSecrets(env));
  await assertIdentity(store, project, repository);
  const warn = (message: string): void => void warnings.push(message);
  const view = new RepositoryView({ repository, store, home: config.home, warn });
  const snapshot = await readSnapshot({
    store,
    project,
    config,
    champions: await view.champions(Object.keys(project.project.models), nowMs),
    hasIndex: view.hasIndex,
    captureFiles: await untakenCaptureFiles(store, config.captureFolder),
    nowMs,
  });
  const { runs, waiting, withheld, refusals } = await splitWaiting(store, plan(snapshot), nowMs);
  const refused = refusals.map(({ candidateId, reason }) => ({
    subject: subjectOf.candidate(candidateId),
    reason: `will be refused: ${reason}`,
  }));
  const warned = warnings.map((reason) => ({ subject: "repository", reason }));
  return { runs, withheld: [...waiting, ...withheld, ...refused, ...warned], refusals };
}

/** What failed before is not queued again at once (see enqueue): a plan that said so would mislead. */
async function splitWaiting(
  store: Store,
  planned: Plan,
  nowMs: number,
): Promise<Plan & { readonly waiting: readonly Withheld[] }> {
  const runs: PlannedRun[] = [];
  const waiting: Withheld[] = [];
  for (const run of planned.runs) {
    const why = await explainWait(store, run.key, nowMs);
    if (why === null) runs.push(run);
    else waiting.push({ subject: run.subject, reason: `${describeRun(run)} ${why}` });
  }
  return { ...planned, runs, waiting };
}

function describeRun({ kind, inputs: [input] }: PlannedRun): string {
  return input === undefined ? kind : `${kind} of ${input}`;
}
