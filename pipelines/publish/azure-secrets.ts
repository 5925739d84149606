import { readFile } from "node:fs/promises";
import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { JobError } from "../jobs/job-error.ts";

type Env = Readonly<Record<string, string | undefined>>;

const CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING";
const SAS_TOKEN = "AZURE_STORAGE_SAS_TOKEN";
const ACCOUNT_KEY = "AZURE_STORAGE_KEY";

/**
 * Azure credentials from the variables that `serve` reads, most specific first, each from NAME or
 * from the file that NAME_FILE names; without any, the machine's own identity.
 * @throws JobError naming the variable, never with its value
 */
export async function readAzureSecrets(env: Env): Promise<AzureCredentials> {
  const connectionString = await readSecret(env, CONNECTION_STRING);
  if (connectionString !== null) return { kind: "connection-string", connectionString };
  const sas = await readSecret(env, SAS_TOKEN);
  if (sas !== null) return { kind: "sas", sasToken: sas.replace(/^\?/, "") };
  const accountKey = await readSecret(env, ACCOUNT_KEY);
  if (accountKey !== null) return { kind: "account-key", accountKey };
  return { kind: "identity" };
}

async function readSecret(env: Env, name: string): Promise<string | null> {
  const direct = env[name] ?? "";
  const file = env[`${name}_FILE`] ?? "";
  if (direct !== "" && file !== "") {
    throw new JobError(`${name} and ${name}_FILE are both set; keep one`);
  }
  if (direct !== "") return direct;
  if (file === "") return null;
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new JobError(`${name}_FILE cannot be read (${error.code ?? "unknown error"})`);
  });
  if (text.trim() === "") throw new JobError(`${name}_FILE names an empty file`);
  return text.trim();
}
