import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { ConfigError } from "./config-error.ts";
import { type Env, readSecret } from "./read-env.ts";

/** What must never be printed or logged; kept apart from Config, which may be. */
export interface Secrets {
  readonly azure: AzureCredentials;
}

/**
 * The environment variables that hold Azure credentials, most specific first; each may come from a
 * mounted file through NAME_FILE. Without any, the machine's Azure identity is used.
 */
export const AZURE_SECRET_ENV = [
  "AZURE_STORAGE_CONNECTION_STRING",
  "AZURE_STORAGE_SAS_TOKEN",
  "AZURE_STORAGE_KEY",
] as const;

/** @throws ConfigError without the value. */
export function readSecrets(env: Env): Secrets {
  return Object.freeze({ azure: Object.freeze(readAzure(env)) });
}

function readAzure(env: Env): AzureCredentials {
  const [connectionStringName, sasName, keyName] = AZURE_SECRET_ENV;
  const connectionString = readSecret(env, connectionStringName);
  const sas = readSecret(env, sasName);
  const key = readSecret(env, keyName);
  if (connectionString !== null) {
    if (
      !/(^|;)\s*(AccountName|BlobEndpoint|UseDevelopmentStorage)=/i.test(connectionString.value)
    ) {
      throw new ConfigError(
        `${connectionString.from} must be a connection string (AccountName=…;AccountKey=…), got something else (not shown)`,
      );
    }
    return { kind: "connection-string", connectionString: connectionString.value };
  }
  if (sas !== null) return { kind: "sas", sasToken: sas.value.replace(/^\?/, "") };
  if (key !== null) return { kind: "account-key", accountKey: key.value };
  return { kind: "identity" };
}
