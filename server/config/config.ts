import type { JsonNonFinite } from "../../protocols/oip-rest/non-finite.ts";
import type { LogLevel } from "../lib/log.ts";
import type { ReadinessPolicy } from "../models/readiness.ts";

export const MODEL_CONTROL_MODES = ["none", "poll", "explicit"] as const;
export type ModelControlMode = (typeof MODEL_CONTROL_MODES)[number];

export const ENGINES = ["auto", "native", "portable"] as const;
export type Engine = (typeof ENGINES)[number];
export const HTTP_TRANSPORTS = ["auto", "uws", "node"] as const;
export type HttpTransport = (typeof HTTP_TRANSPORTS)[number];

/**
 * The whole configuration of `sluice serve` and `sluice pipelines`, frozen. Each key is set by a flag (`--http-port`), an
 * environment variable (`SLUICE_HTTP_PORT`) or a key of server.yaml (`httpPort`), in that order of
 * precedence. Settings, defaults and texts: config/settings.ts.
 */
export interface Config {
  /** Folder for everything that outlives the process: cache, keys, audit log. Absolute. */
  readonly home: string;
  readonly host: string;
  /** Allows a non-loopback host without keys. */
  readonly insecure: boolean;
  /** HTTP serving threads; node:http always uses one. */
  readonly threads: number;
  /** 0 takes a free port. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  /** On 127.0.0.1 whatever `host` says. */
  readonly adminPort: number;
  /** PEM files, absolute; both or neither. null: HTTP, WebSocket and gRPC are plain text. */
  readonly tlsCertFile: string | null;
  readonly tlsKeyFile: string | null;
  /** Origins of web pages, as browsers send them: `https://app.example`. */
  readonly corsOrigins: readonly string[];
  /** Open at once at each of the HTTP and gRPC ports. */
  readonly maxConnections: number;
  /** An absolute folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX] (any Azure Blob endpoint). */
  readonly modelRepository: string;
  readonly modelControlMode: ModelControlMode;
  /** Models to load at start in explicit mode. */
  readonly loadModel: readonly string[];
  readonly repositoryPollSecs: number;
  /** Of versions on this disk; 0: no limit. What is loaded or wanted may exceed it. */
  readonly maxCacheBytes: number;
  /** `GLOB=POLICY`: which versions are loaded (config/model-policies.ts). */
  readonly versionPolicy: readonly string[];
  /** `GLOB=POLICY`: what happens to the old champion during a swap (models/swap-policy.ts). */
  readonly swapPolicy: readonly string[];
  /** Memory of all loaded versions together; 0: no budget. */
  readonly maxModelBytes: number;
  /** Names and prefix globs of models that are never unloaded to make room. */
  readonly pinModels: readonly string[];
  /** How long a request waits for a version that loads on request. */
  readonly coldLoadTimeoutMs: number;
  readonly readiness: ReadinessPolicy;
  /** Models that must serve, with readiness `listed`. */
  readonly readyModels: readonly string[];
  /** A version of which none of the waiting requests is answered for so long is isolated; 0: never. */
  readonly maxRunMs: number;
  /** API keys, absolute; it exists. null: no authentication (none given, and no keys.json in `home`). */
  readonly keysFile: string | null;
  /** May hold a password: never print it. */
  readonly redisUrl: string | null;
  readonly logLevel: LogLevel;
  readonly maxBodyBytes: number;
  readonly maxInflightBytes: number;
  /** HTTP answers of at least so many bytes are compressed for clients that take it; 0: none. */
  readonly compressFromBytes: number;
  /** What JSON holds for NaN and infinities, where a request does not say. */
  readonly jsonNonFinite: JsonNonFinite;
  /** Requests waiting or running per version. */
  readonly maxQueue: number;
  /** Native engine: most milliseconds that a request may be predicted to wait and run. */
  readonly maxQueueMs: number;
  readonly maxBatchRows: number;
  /** auto: uWebSockets.js where it loads. uws where it does not load is an error at start. */
  readonly httpTransport: HttpTransport;
  /** auto: native where it loads. native where it does not load is an error at start. */
  readonly engine: Engine;
  /** Engine threads per version; 0: as many as suit the engine (app.ts). */
  readonly engineThreads: number;
  /** Threads inside one run; 0 divides the machine's cores by engineThreads. */
  readonly intraOpThreads: number;
  /** Native engine: most microseconds of one run on a serving thread; 0: none there. */
  readonly inlineBudgetUs: number;
  /** WebSocket: requests in flight and unsent bytes per connection. */
  readonly maxStreamInflight: number;
  readonly maxStreamEgressBytes: number;
  readonly vetTimeoutMs: number;
  readonly vetMaxRssBytes: number;
  /** After SIGTERM: keep serving, not ready, for this long. */
  readonly drainDelayMs: number;
  /** Then wait at most this long for what is in flight. */
  readonly exitTimeoutSecs: number;
  /** Folder of capture records, absolute; null: none. Never with captureStream. */
  readonly captureFolder: string | null;
  /** Redis stream of capture records; null: none. */
  readonly captureStream: string | null;
  /** 0 to 1. */
  readonly captureRatio: number;
  /** Names and prefix globs of the models whose predictions are recorded. */
  readonly captureModels: readonly string[];
  /** Names of inputs that are never recorded. */
  readonly captureExclude: readonly string[];
  readonly captureFileSecs: number;
  readonly captureFileBytes: number;
  readonly captureQueueBytes: number;
  /** sluice.yaml of the project, absolute; need not exist. */
  readonly projectFile: string;
  /** 0 takes a free port. */
  readonly pipelinesPort: number;
  readonly pipelinesMetricsPort: number;
  /** `NAME=PROGRAM ARG …`: the programs that `command` trainers may run. */
  readonly trainerCommands: readonly string[];
  readonly jobConcurrency: number;
  readonly jobTimeoutSecs: number;
}

/** What `sluice pipelines` reads. */
export type PipelinesConfig = Pick<
  Config,
  | "home"
  | "host"
  | "insecure"
  | "keysFile"
  | "modelRepository"
  | "redisUrl"
  | "logLevel"
  | "captureFolder"
  | "captureStream"
  | "projectFile"
  | "pipelinesPort"
  | "pipelinesMetricsPort"
  | "trainerCommands"
  | "jobConcurrency"
  | "jobTimeoutSecs"
>;
