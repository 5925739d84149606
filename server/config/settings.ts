import { join } from "node:path";
import { LOG_LEVELS } from "../lib/log.ts";
import { type Config, ENGINES, HTTP_TRANSPORTS, MODEL_CONTROL_MODES } from "./config.ts";
import type { DefaultContext, Setting, SettingType, SettingValue } from "./setting.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const DAY_MS = 86_400_000;

const PORT: SettingType = { kind: "integer", min: 0, max: 65_535 };

type Rows = { readonly [K in keyof Config]: Row<Config[K]> };

/** What more than one command reads. */
const SHARED = {
  home: row({ kind: "path" }, ".sluice", {
    text: "Folder for what outlives the process: model cache, keys, audit log.",
  }),
  host: row({ kind: "string" }, "127.0.0.1", {
    text: "Address to bind. A non-loopback one needs keys, or --insecure.",
  }),
  insecure: row({ kind: "boolean" }, false, {
    text: "Allow a non-loopback host without keys.",
  }),
  keysFile: row({ kind: "path" }, null, {
    defaultText: "<home>/keys.json if it is there",
    text: "API keys, made by `sluice keys create`. Without keys there is no authentication.",
  }),
  modelRepository: row({ kind: "repository" }, ({ home }) => join(home, "models"), {
    defaultText: "<home>/models",
    text: "Where models come from: a folder or https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX].",
  }),
  redisUrl: row({ kind: "redis-url" }, null, {
    wellKnownEnv: ["REDIS_URL"],
    text: "Redis to hear of new versions at once. Never printed.",
  }),
  logLevel: row({ kind: "enum", values: LOG_LEVELS }, "info", {
    text: "Least severe log line to write.",
  }),
} satisfies Partial<Rows>;

const SERVING = {
  threads: row(integer(1, 256), ({ cores }) => Math.max(1, Math.min(8, cores >> 1)), {
    defaultText: "half the cores, 1 to 8",
    text: "HTTP serving threads; one where uWebSockets.js does not load.",
  }),
  httpPort: row(PORT, 8000, { text: "HTTP and WebSocket port; 0 takes a free one." }),
  grpcPort: row(PORT, 8001, { text: "gRPC port; 0 takes a free one." }),
  metricsPort: row(PORT, 8002, { text: "Prometheus metrics port; 0 takes a free one." }),
  modelControlMode: row({ kind: "enum", values: MODEL_CONTROL_MODES }, "poll", {
    text: "none: read the repository once; poll: follow it; explicit: load and unload on request.",
  }),
  loadModel: row({ kind: "strings" }, [], {
    text: "Models to load at start in explicit mode; the flag may be repeated.",
  }),
  repositoryPollSecs: row({ kind: "number", min: 0.05, max: 86_400 }, 5, {
    text: "Seconds between two looks at the repository in poll mode.",
  }),
  maxBodyBytes: row(integer(1024, 2 * GIB), 64 * MIB, {
    text: "Largest request body or message.",
  }),
  maxInflightBytes: row(integer(1024, TIB), 512 * MIB, {
    text: "Request bytes held at once over all connections; beyond it, queue-full.",
  }),
  maxQueue: row(integer(1, 1_000_000), 512, {
    text: "Requests waiting or running per version; beyond it, queue-full.",
  }),
  maxBatchRows: row(integer(1, 65_536), 64, { text: "Most rows in one batch." }),
  httpTransport: row({ kind: "enum", values: HTTP_TRANSPORTS }, "auto", {
    text: "uws: uWebSockets.js, an error where it does not load; node: node:http on one thread; auto: uws where it loads.",
  }),
  engine: row({ kind: "enum", values: ENGINES }, "auto", {
    text: "native: the addon, an error where it does not load; portable: onnxruntime-node; auto: native where it loads.",
  }),
  engineThreads: row(integer(0, 256), 0, {
    text: "Engine threads per version. native: threads of its one session, 0 takes a quarter of the cores, 1 to 8; portable: each with a session of its own, 0 takes 1.",
  }),
  intraOpThreads: row(integer(0, 1024), 0, {
    text: "Threads inside one run; 0 divides the cores by engineThreads.",
  }),
  inlineBudgetUs: row(integer(0, 100_000), 200, {
    text: "native: runs that are predicted to take fewer microseconds run on the serving thread; 0: none.",
  }),
  maxStreamInflight: row(integer(1, 65_536), 64, {
    text: "WebSocket: requests in flight per connection.",
  }),
  maxStreamEgressBytes: row(integer(65_536, 2 * GIB), 8 * MIB, {
    text: "WebSocket: unsent bytes per connection before it is closed as too slow.",
  }),
  vetTimeoutMs: row(integer(100, DAY_MS), 60_000, {
    text: "Milliseconds that vetting one version may take.",
  }),
  vetMaxRssBytes: row(integer(64 * MIB, 64 * TIB), 2 * GIB, {
    text: "Memory that the vetting process may use.",
  }),
  drainDelayMs: row(integer(0, DAY_MS), 0, {
    text: "After SIGTERM: keep serving, not ready, for this long, so that balancers look away.",
  }),
  exitTimeoutSecs: row({ kind: "number", min: 0.1, max: 86_400 }, 30, {
    text: "Then wait at most this long for what is in flight.",
  }),
} satisfies Partial<Rows>;

const CAPTURE = {
  captureFolder: row({ kind: "path" }, null, {
    text: "Folder for records of predictions and labels; `sluice pipelines` reads it too.",
  }),
  captureStream: row({ kind: "string" }, null, {
    text: "Redis stream for them instead of a folder; needs redisUrl.",
  }),
  captureRatio: row({ kind: "number", min: 0, max: 1 }, 1, {
    text: "Share of the predictions to record, chosen by hash of the inference id.",
  }),
  captureModels: row({ kind: "strings" }, ["*"], {
    defaultText: "*",
    text: "Models to record: names, prefixes such as fraud-* or *.",
  }),
  captureExclude: row({ kind: "strings" }, [], {
    text: "Inputs that are never recorded.",
  }),
  captureFileSecs: row({ kind: "number", min: 0.1, max: 86_400 }, 10, {
    text: "Seconds after which a file of records is finished and a new one begun.",
  }),
  captureFileBytes: row(integer(1024, GIB), 8 * MIB, {
    text: "Bytes after which it is.",
  }),
  captureQueueBytes: row(integer(65_536, 64 * GIB), 16 * MIB, {
    text: "Records waiting to be written; what does not fit is dropped and counted.",
  }),
} satisfies Partial<Rows>;

const PIPELINES = {
  projectFile: row({ kind: "path" }, "sluice.yaml", {
    text: "Project file of `sluice pipelines`.",
  }),
  pipelinesPort: row(PORT, 5000, { text: "Port of its API and outlets; 0 takes a free one." }),
  pipelinesMetricsPort: row(PORT, 5002, {
    text: "Its Prometheus metrics port; 0 takes a free one.",
  }),
  trainerCommands: row({ kind: "strings" }, [], {
    text: "Programs that `command` trainers may run: NAME=PROGRAM ARG …",
  }),
  jobConcurrency: row(integer(1, 64), 1, { text: "Jobs at once." }),
  jobTimeoutSecs: row({ kind: "number", min: 1, max: 2_592_000 }, 3600, {
    text: "Seconds that one job may take.",
  }),
} satisfies Partial<Rows>;

/** Rows under the headings of deploy/docs/configuration.md. */
const GROUPS: readonly (readonly [title: string, rows: Partial<Rows>])[] = [
  ["Shared", SHARED],
  ["Serving", SERVING],
  ["Capture", CAPTURE],
  ["Pipelines", PIPELINES],
];

/**
 * Every setting of `sluice serve` and `sluice pipelines`, once: flags, environment variables,
 * server.yaml, `--help`, `validate --print` and deploy/docs/configuration.md all read this table.
 */
const ROWS: Rows = { ...SHARED, ...SERVING, ...CAPTURE, ...PIPELINES };

/** In the order of the table. */
export const SETTINGS: readonly Setting[] = Object.entries(ROWS).map(([key, row]) => ({
  key: key as keyof Config,
  group: GROUPS.find(([, rows]) => key in rows)?.[0] ?? "",
  ...row,
}));

export const SETTING_BY_KEY: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.map((each) => [each.key, each]),
);

interface Rest {
  readonly text: string;
  readonly defaultText?: string;
  readonly wellKnownEnv?: readonly string[];
}

/** A row whose default has the type of its key in Config. */
interface Row<T extends SettingValue> extends Omit<Setting, "key" | "group" | "default"> {
  readonly default: T | ((context: DefaultContext) => T);
}

function row<T extends SettingValue>(
  type: SettingType,
  value: T | ((context: DefaultContext) => T),
  rest: Rest,
): Row<T> {
  return {
    type,
    default: value,
    defaultText: rest.defaultText ?? null,
    wellKnownEnv: rest.wellKnownEnv ?? [],
    text: rest.text,
  };
}

function integer(min: number, max: number): SettingType {
  return { kind: "integer", min, max };
}
