import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type {
  ControlClient,
  InferenceClient,
  LabelClient,
} from "../../protocols/client/inference-client.ts";
import { createWebSocketClient } from "../../protocols/client/websocket-client.ts";
import { App, type Endpoints } from "../app.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { createLogger } from "../lib/log.ts";
import type { VersionState } from "../models/lifecycle.ts";

process.env["ORT_DISABLE_TELEMETRY"] = "1";

/** The whole server in this process on free ports, built by the real composition root. */
export interface ScenarioServer {
  readonly app: App;
  readonly endpoints: Endpoints;
  readonly home: string;
  readonly repository: string;
  /** Resolves when a version enters a state; rejects after a long time, saying what it saw. */
  whenState(model: string, version: number, state: VersionState): Promise<void>;
  http(options?: {
    binary?: boolean;
    apiKey?: string;
  }): InferenceClient & ControlClient & LabelClient;
  grpc(apiKey?: string): InferenceClient & ControlClient;
  webSocket(apiKey?: string): Promise<InferenceClient>;
  stop(): Promise<boolean>;
}

const STATE_TIMEOUT_MS = 60_000;
const STOP_DEADLINE_MS = 20_000;

/** @param settings flags by key, as on the command line; ports are free ones unless given */
export async function startScenario(
  settings: Readonly<Record<string, unknown>> = {},
  options: { home?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<ScenarioServer> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), "sluice-scenario-"));
  const { config, secrets, origins } = loadConfig({
    flags: {
      home,
      httpPort: "0",
      grpcPort: "0",
      metricsPort: "0",
      adminPort: "0",
      logLevel: "silent",
      ...settings,
    },
    env: options.env ?? {},
    file: null,
    cwd: home,
  });
  const seen: string[] = [];
  const app = await App.create({
    config,
    secrets,
    origins,
    log: createLogger(config.logLevel, "scenario"),
    pause: () => Promise.resolve(),
    onFatal: (reason) => {
      throw new Error(reason);
    },
  });
  app.bus.subscribe(({ id, to, reason }) =>
    seen.push(`${id.model}/${id.version} ${to} ${reason ?? ""}`),
  );
  const endpoints = await app.start();
  const owned = options.home === undefined;
  return {
    app,
    endpoints,
    home,
    repository: config.modelRepository,
    whenState: (model, version, state) => whenState(app, seen, `${model}/${version} ${state}`),
    ...clientsOf(endpoints, config),
    stop: async () => {
      const isClean = await app.stop(STOP_DEADLINE_MS);
      if (owned) rmSync(home, { recursive: true, force: true });
      return isClean;
    },
  };
}

function whenState(app: App, seen: readonly string[], wanted: string): Promise<void> {
  const isMet = () => seen.some((line) => line.startsWith(`${wanted} `));
  if (isMet()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`'${wanted}' did not come; saw: ${seen.join("; ")}`));
    }, STATE_TIMEOUT_MS);
    const unsubscribe = app.bus.subscribe(() => {
      if (!isMet()) return;
      unsubscribe();
      clearTimeout(timer);
      // After the other listeners and the publication of the same turn.
      setImmediate(resolve);
    });
  });
}

function clientsOf(endpoints: Endpoints, config: Config) {
  const base = `${config.host}:${endpoints.httpPort}`;
  const options = (apiKey?: string) => ({ apiKey: apiKey ?? null, timeoutMs: 30_000 });
  return {
    http: ({ binary = false, apiKey }: { binary?: boolean; apiKey?: string } = {}) =>
      createHttpClient(`http://${base}`, {
        apiKey: apiKey ?? null,
        timeoutMs: 30_000,
        binary,
        maxSockets: 8,
      }),
    grpc: (apiKey?: string) =>
      createGrpcClient(`${config.host}:${endpoints.grpcPort}`, options(apiKey)),
    webSocket: (apiKey?: string) =>
      createWebSocketClient(`ws://${base}/v2/stream`, options(apiKey)),
  };
}
