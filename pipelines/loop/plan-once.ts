import type { LoadedProject } from "../project/loaded-project.ts";
import { readAzureSecrets } from "../publish/azure-secrets.ts";
import { createStore } from "../publish/create-store.ts";
import type { Store } from "../store/store.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import { plan } from "./plan.ts";
import type { Plan } from "./planned-run.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { RepositoryView } from "./repository-view.ts";
import { untakenCaptureFiles } from "./untaken-capture-files.ts";

/** What is due now, and why, without starting anything. Only looks (and copies a champion's files into the home). */
export async function planOnce(
  store: Store,
  project: LoadedProject,
  config: PipelinesConfig,
  env: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): Promise<Plan> {
  const warnings: string[] = [];
  const repository = createStore(config.modelRepository, await readAzureSecrets(env));
  const view = new RepositoryView(repository, config.home, (message) => warnings.push(message));
  const snapshot = await readSnapshot({
    store,
    project,
    config,
    champions: await view.champions(Object.keys(project.project.models), nowMs),
    captureFiles: await untakenCaptureFiles(store, config.captureFolder),
    forced: null,
    nowMs,
  });
  const { runs, withheld } = plan(snapshot, null);
  return {
    runs,
    withheld: [...withheld, ...warnings.map((reason) => ({ subject: "repository", reason }))],
  };
}
