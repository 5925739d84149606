import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { readAzureCredentials } from "../../protocols/repository/azure-secrets.ts";
import { type Env, readSecret, refuse } from "./read-env.ts";

/** What must never be printed or logged; kept apart from Config, which may be. */
export interface Secrets {
  readonly azure: AzureCredentials;
}

/** @throws ConfigError without the value. */
export function readSecrets(env: Env): Secrets {
  return Object.freeze({
    azure: Object.freeze(readAzureCredentials((name) => readSecret(env, name), refuse)),
  });
}
