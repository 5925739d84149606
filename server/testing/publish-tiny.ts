import { createStore } from "../../pipelines/publish/create-store.ts";
import { publishModel } from "../../pipelines/publish/publish.ts";
import type { RepositoryStore } from "../../pipelines/publish/repository-store.ts";
import { rollbackModel } from "../../pipelines/publish/rollback.ts";
import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";

const NO_CREDENTIALS: AzureCredentials = { kind: "identity" };

export function openStore(
  location: string,
  azure: AzureCredentials = NO_CREDENTIALS,
): RepositoryStore {
  return createStore(location, azure);
}

/** Publishes as `sluice publish` does; returns the version. */
export async function publishTiny(
  store: RepositoryStore,
  modelName: string,
  modelBytes: Uint8Array,
  options: { alias?: string; breaking?: boolean } = {},
): Promise<number> {
  const { version } = await publishModel({
    store,
    modelName,
    modelBytes,
    goldenBytes: null,
    alias: options.alias ?? "champion",
    breaking: options.breaking ?? false,
    lineage: {},
    pause: () => Promise.resolve(),
  });
  return version;
}

export async function rollbackTiny(store: RepositoryStore, modelName: string): Promise<void> {
  await rollbackModel(store, modelName);
}
