import { createRequire } from "node:module";
import { join } from "node:path";

/** Account and key that every Azurite has, published in its documentation: no secret. */
const ACCOUNT = "devstoreaccount1";
const KEY =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

export interface Azurite {
  /** The account's endpoint; append "/CONTAINER[/PREFIX]" for a repository location. */
  readonly url: string;
  readonly connectionString: string;
  readonly accountKey: string;
  close(): Promise<void>;
}

interface BlobServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}

/** Where an Azurite keeps its blobs, so that a later one on the same port has them. */
export interface AzuritePlace {
  readonly folder: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/**
 * A real Azurite blob service in this process, on loopback, without telemetry.
 * @param place null: in memory, on a free port
 */
export async function startAzurite(place: AzuritePlace | null = null): Promise<Azurite> {
  const server = createServer(place);
  await server.start();
  const url = `${server.getHttpServerAddress()}/${ACCOUNT}`;
  return {
    url,
    accountKey: KEY,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${url};`,
    close: () => server.close(),
  };
}

/** Azurite has no public API for this: its version is pinned exactly. */
function createServer(place: AzuritePlace | null): BlobServer {
  const require = createRequire(import.meta.url);
  const { default: BlobConfiguration } = require("azurite/dist/src/blob/BlobConfiguration") as {
    default: new (...settings: unknown[]) => object;
  };
  const { default: Server } = require("azurite/dist/src/blob/BlobServer") as {
    default: new (configuration: object) => BlobServer;
  };
  const none = undefined;
  const skipApiVersionCheck = true;
  const inMemory = place === null;
  const folder = place?.folder ?? "unused";
  const blobs = { locationId: "Default", locationPath: join(folder, "blobs"), maxConcurrency: 10 };
  const paths = [join(folder, "metadata.json"), join(folder, "extents.json"), [blobs]];
  const quiet = [false, none, false, none, false];
  const noTls = ["", "", "", none];
  return new Server(
    new BlobConfiguration(
      ...["127.0.0.1", place?.port ?? 0, none, ...paths, ...quiet, skipApiVersionCheck, ...noTls],
      ...[true, inMemory],
    ),
  );
}
