import { createRequire } from "node:module";

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

/** A real Azurite blob service in this process: in memory, on a free loopback port, no telemetry. */
export async function startAzurite(): Promise<Azurite> {
  const server = createServer();
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
function createServer(): BlobServer {
  const require = createRequire(import.meta.url);
  const { default: BlobConfiguration } = require("azurite/dist/src/blob/BlobConfiguration") as {
    default: new (...settings: unknown[]) => object;
  };
  const { default: Server } = require("azurite/dist/src/blob/BlobServer") as {
    default: new (configuration: object) => BlobServer;
  };
  const none = undefined;
  const skipApiVersionCheck = true;
  const inMemory = true;
  const paths = ["unused-metadata", "unused-extents", []];
  const quiet = [false, none, false, none, false];
  const noTls = ["", "", "", none];
  return new Server(
    new BlobConfiguration(
      ...["127.0.0.1", 0, none, ...paths, ...quiet, skipApiVersionCheck, ...noTls],
      ...[true, inMemory],
    ),
  );
}
