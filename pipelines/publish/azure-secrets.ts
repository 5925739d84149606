import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { readAzureCredentials } from "../../protocols/repository/azure-secrets.ts";
import { readEnvSecret } from "../../server/lib/env-secret.ts";
import { JobError } from "../jobs/job-error.ts";

/**
 * Azure credentials from the variables that `serve` reads.
 * @throws JobError naming the variable, never with its value
 */
export function readAzureSecrets(
  env: Readonly<Record<string, string | undefined>>,
): AzureCredentials {
  const fail = (message: string): never => {
    throw new JobError(message);
  };
  return readAzureCredentials((name) => readEnvSecret(env, name, fail), fail);
}
