import type { AzureCredentials } from "./azure-container.ts";

/**
 * The environment variables that hold Azure credentials, most specific first; each may come from a
 * mounted file through NAME_FILE. Without any, the machine's Azure identity is used.
 */
export const AZURE_SECRET_ENV = [
  "AZURE_STORAGE_CONNECTION_STRING",
  "AZURE_STORAGE_SAS_TOKEN",
  "AZURE_STORAGE_KEY",
] as const;

const CONNECTION_STRING = /(^|;)\s*(AccountName|BlobEndpoint|UseDevelopmentStorage)=/i;

/**
 * @param read the secret of a name and where it was found; null for none
 * @param fail throws the caller's error; the message never holds the value
 */
export function readAzureCredentials(
  read: (name: string) => { readonly value: string; readonly from: string } | null,
  fail: (message: string) => never,
): AzureCredentials {
  const [connectionStringName, sasName, keyName] = AZURE_SECRET_ENV;
  const connectionString = read(connectionStringName);
  const sas = read(sasName);
  const key = read(keyName);
  if (connectionString !== null) {
    if (!CONNECTION_STRING.test(connectionString.value)) {
      fail(
        `${connectionString.from} must be a connection string (AccountName=…;AccountKey=…), got something else (not shown)`,
      );
    }
    return { kind: "connection-string", connectionString: connectionString.value };
  }
  if (sas !== null) {
    // A file may be a mounted secret that rotates while the server runs.
    const isFile = sas.from !== sasName;
    const reread = isFile ? () => withoutMark(read(sasName)?.value ?? sas.value) : null;
    return { kind: "sas", sasToken: withoutMark(sas.value), reread };
  }
  if (key !== null) return { kind: "account-key", accountKey: key.value };
  return { kind: "identity" };
}

function withoutMark(sasToken: string): string {
  return sasToken.replace(/^\?/, "");
}
