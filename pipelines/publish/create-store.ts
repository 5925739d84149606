import { resolve } from "node:path";
import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { isContainerLocation } from "../../protocols/repository/location.ts";
import { AzureBlobStore } from "./azure-blob-store.ts";
import { DirectoryStore } from "./directory-store.ts";
import type { RepositoryStore } from "./repository-store.ts";

/**
 * The store of a model repository: a folder, or a container of Azure Blob Storage by its URL.
 * @throws LocationError for a URL that names no container
 */
export function createStore(location: string, azure: AzureCredentials): RepositoryStore {
  if (isContainerLocation(location)) return new AzureBlobStore(location, azure);
  return new DirectoryStore(resolve(location));
}
