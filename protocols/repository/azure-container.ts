import type {
  ContainerClient,
  StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { type ContainerLocation, LocationError, parseContainerLocation } from "./location.ts";

/**
 * How to sign in to a storage account. Values, never names of variables: only the process edge reads
 * the environment. "identity" tries what the machine was given: environment, workload, managed.
 */
export type AzureCredentials =
  | { readonly kind: "connection-string"; readonly connectionString: string }
  | { readonly kind: "account-key"; readonly accountKey: string }
  | {
      readonly kind: "sas";
      readonly sasToken: string;
      /** Where it rotates: what it is now. Throws where it cannot be read. null: it stays. */
      readonly reread: (() => string) | null;
    }
  | { readonly kind: "identity" };

export interface OpenContainer {
  readonly client: ContainerClient;
  /** "" or "folder/…/", to put before every path. */
  readonly prefix: string;
}

/**
 * Waits between tries of one request. The client library sets no time limit of its own (a
 * dead connection would hang for ever): every call must bring a signal, see `withTimeout`.
 */
const RETRIES = { maxTries: 3, retryDelayInMs: 250, maxRetryDelayInMs: 4_000 };
/** For callers that try again themselves: the library's policy is deaf to Retry-After. */
export const NO_RETRIES = { maxTries: 1 };

/**
 * A client of the container at a location. Loads the Azure libraries on first use; opens no
 * connection yet.
 * @throws LocationError for a location or credential that cannot be right; never shows a credential.
 */
export async function openContainer(
  location: string,
  credentials: AzureCredentials,
  retryOptions: NonNullable<StoragePipelineOptions["retryOptions"]> = RETRIES,
): Promise<OpenContainer> {
  const parsed = parseContainerLocation(location);
  const { AnonymousCredential, ContainerClient, newPipeline } = await import("@azure/storage-blob");
  const { credential, query } = await signIn(parsed, credentials);
  const pipeline = newPipeline(credential ?? new AnonymousCredential(), { retryOptions });
  const url = `${parsed.endpoint}/${encodeURIComponent(parsed.container)}${query}`;
  return { client: new ContainerClient(url, pipeline), prefix: parsed.prefix };
}

type SignIn = {
  readonly credential:
    | StorageSharedKeyCredential
    | import("@azure/identity").TokenCredential
    | null;
  /** "" or "?SAS". */
  readonly query: string;
};

async function signIn(at: ContainerLocation, credentials: AzureCredentials): Promise<SignIn> {
  switch (credentials.kind) {
    case "connection-string":
      return readConnectionString(at, credentials.connectionString);
    case "account-key": {
      const { StorageSharedKeyCredential } = await import("@azure/storage-blob");
      const credential = new StorageSharedKeyCredential(at.account, credentials.accountKey);
      return { credential, query: "" };
    }
    case "sas":
      return { credential: null, query: `?${credentials.sasToken.replace(/^\?/, "")}` };
    case "identity":
      return { credential: await machineIdentity(), query: "" };
  }
}

/** The location says where, the connection string only who; they must mean the same account. */
async function readConnectionString(at: ContainerLocation, text: string): Promise<SignIn> {
  const { BlobServiceClient, StorageSharedKeyCredential } = await import("@azure/storage-blob");
  const service = parse(() => BlobServiceClient.fromConnectionString(text));
  const { credential } = service;
  const isKey = credential instanceof StorageSharedKeyCredential;
  const account = isKey ? credential.accountName : service.accountName;
  if (account !== at.account) {
    throw new LocationError(
      `the connection string is for account '${account}', the location for '${at.account}'`,
    );
  }
  if (isKey) return { credential, query: "" };
  return { credential: null, query: new URL(service.url).search };
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch {
    // The library's message could quote a part of the string.
    throw new LocationError("the connection string cannot be read (not shown)");
  }
}

/**
 * What DefaultAzureCredential tries in production, without its developer tools: a server must not
 * pick up whoever is logged in.
 */
async function machineIdentity() {
  const identity = await import("@azure/identity");
  const chain: import("@azure/identity").TokenCredential[] = [new identity.EnvironmentCredential()];
  try {
    chain.push(new identity.WorkloadIdentityCredential());
  } catch {
    // Its constructor refuses where no workload identity was injected.
  }
  chain.push(new identity.ManagedIdentityCredential());
  return new identity.ChainedTokenCredential(...chain);
}
