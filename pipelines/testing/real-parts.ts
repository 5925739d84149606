import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { openContainer } from "../../protocols/repository/azure-container.ts";
import { type Azurite, startAzurite } from "../../server/testing/azurite.ts";
import { startRedis, type TestRedis } from "../../server/testing/redis.ts";
import { type SluiceProcess, spawnSluice } from "../../server/testing/serve-process.ts";
import { startPostgres, type TestPostgres } from "../feeds/testing/postgres.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../outlets/testing/webhook-receiver.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import { type OutcomesApi, startOutcomesApi } from "./outcomes-api.ts";
import { createShop, LOGINS, MARTS, SOURCE } from "./shop-database.ts";

export const MODEL = "late-delivery";
export const WEBHOOK_SECRET = `whsec_${Buffer.from("a key for signatures, 32 bytes..").toString("base64")}`;
const OUTCOMES_TOKEN = "token-of-the-outcomes-api";
/** Dataset of them. */
export const PREDICTIONS = "late_predictions";
export const VIEW_SCHEMA = "predictions";
export const VIEW_ROLE = "prediction_readers";

/** Everything that the loop touches, each a real part, and `sluice up` in the midst of them. */
export interface RealParts {
  readonly home: string;
  readonly postgres: TestPostgres;
  readonly azurite: Azurite;
  /** Location of the model repository. */
  readonly repository: string;
  readonly outcomes: OutcomesApi;
  readonly webhook: WebhookReceiver;
  readonly up: SluiceProcess;
  /** The pipelines' own, read while they write. */
  readonly store: Store;
  readonly httpUrl: string;
  readonly apiUrl: string;
  /** `sluice ARGS --home HOME` to its end; its standard output. */
  command(...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

const LISTENING_SERVE = /serve +\| listening +http=(\S+)/;
const LISTENING_PIPELINES = /pipelines \| listening +api=(\S+)/;

export async function startRealParts(): Promise<RealParts> {
  const home = mkdtempSync(join(tmpdir(), "sluice-loop-"));
  const postgres = await startPostgres();
  await createShop(postgres);
  const redis = await startRedis();
  const azurite = await startAzurite();
  const outcomes = await startOutcomesApi(OUTCOMES_TOKEN);
  const webhook = await startWebhookReceiver();
  const repository = `${azurite.url}/models/shop`;
  const { connectionString } = azurite;
  const { client } = await openContainer(repository, {
    kind: "connection-string",
    connectionString,
  });
  await client.create();
  const projectFile = writeProject(home, outcomes.url, webhook.url);
  const secrets = writeSecrets(home, postgres);
  const env = { ...settingsOf(home, projectFile, repository, redis, azurite), ...secrets };
  const up = spawnSluice(["up"], env);
  const [, httpUrl = ""] = await up.whenSaid(LISTENING_SERVE);
  const [, apiUrl = ""] = await up.whenSaid(LISTENING_PIPELINES);
  const store = await openStore(storePath(home));
  return {
    ...{ home, postgres, azurite, repository, outcomes, webhook, up, store, httpUrl, apiUrl },
    command: async (...args) => {
      const child = spawnSluice([...args, "--home", home]);
      const { code } = await child.ended;
      if (code !== 0)
        throw new Error(`sluice ${args.join(" ")} ended with ${code}: ${child.stderr}`);
      return child.stdout;
    },
    close: async () => {
      await store.destroy();
      // Politely: killed outright it would leave its children.
      up.kill("SIGTERM");
      await up.ended;
      await Promise.all([outcomes.close(), webhook.close(), azurite.close(), redis.stop()]);
      await postgres.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Servers hear of a version through Redis or, within the test's time, never. */
const POLL_SECS = "600";

function settingsOf(
  home: string,
  projectFile: string,
  repository: string,
  redis: TestRedis,
  azurite: Azurite,
): Record<string, string> {
  return {
    SLUICE_HOME: home,
    SLUICE_PROJECT_FILE: projectFile,
    SLUICE_MODEL_REPOSITORY: repository,
    AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString,
    SLUICE_REDIS_URL: redis.url,
    SLUICE_CAPTURE_STREAM: "sluice:captured",
    SLUICE_REPOSITORY_POLL_SECS: POLL_SECS,
    SLUICE_THREADS: "1",
    SLUICE_JOB_CONCURRENCY: "2",
    SLUICE_HTTP_PORT: "0",
    SLUICE_GRPC_PORT: "0",
    SLUICE_METRICS_PORT: "0",
    SLUICE_ADMIN_PORT: "0",
    SLUICE_PIPELINES_PORT: "0",
    SLUICE_PIPELINES_METRICS_PORT: "0",
  };
}

/** One secret by file, as a container would get it; the others by environment. */
function writeSecrets(home: string, postgres: TestPostgres): Record<string, string> {
  mkdirSync(join(home, "secrets"), { mode: 0o700 });
  const url = postgres.urlOf(LOGINS.reader, SOURCE);
  writeFileSync(join(home, "secrets/shop-url"), `${url}\n`, { mode: 0o600 });
  return {
    MARTS_URL: postgres.urlOf(LOGINS.publisher, MARTS),
    OUTCOMES_TOKEN,
    WEBHOOK_SECRET,
    HASH_KEY: "a key that stays for as long as the data",
  };
}

function writeProject(home: string, outcomesUrl: string, webhookUrl: string): string {
  const path = join(home, "sluice.yaml");
  writeFileSync(path, stringify(projectOf(outcomesUrl, webhookUrl)));
  return path;
}

/** The first four days come in three batches of it, later days are smaller. */
const BATCH_ROWS = 405;
const LAG_SECS = 3 * 86_400;

function projectOf(outcomesUrl: string, webhookUrl: string) {
  const into = PREDICTIONS;
  const orders = {
    dataset: "orders",
    everySecs: 2,
    batchRows: BATCH_ROWS,
    connector: {
      kind: "postgres",
      url: { file: "secrets/shop-url" },
      table: "orders",
      cursor: { column: "placed_at", lagSecs: LAG_SECS },
    },
    sanitise: { email: "hash" },
  };
  const outcomes = {
    dataset: "outcomes",
    everySecs: 3,
    connector: {
      kind: "rest",
      url: outcomesUrl,
      bearer: { env: "OUTCOMES_TOKEN" },
      records: "data",
      pagination: { kind: "nextUrl", path: "next" },
      cursor: { column: "told_at", lagSecs: 60 },
      sinceParam: "since",
    },
  };
  const model = {
    dataset: "orders",
    target: "late",
    task: "binary",
    features: ["country", "channel", "weight_kg", "items"],
    minRows: 1500,
    trainer: { kind: "gradientBoosting", trees: 60, learningRate: 0.15, maxLeaves: 8 },
    evaluation: { thresholds: [{ metric: "auc", min: 0.6 }] },
    monitor: { windowRows: 200, performance: { maxDrop: 0.15 } },
    score: { into, keep: ["order_id", "placed_at", "email"] },
  };
  return {
    schemaVersion: 1,
    project: "shop",
    hashKey: { env: "HASH_KEY" },
    feeds: { orders, outcomes },
    datasets: {
      orders: { time: "placed_at", key: ["order_id"] },
      outcomes: { time: "told_at", key: ["outcome_id"] },
    },
    models: { [MODEL]: model },
    labels: {
      outcomes: {
        dataset: "outcomes",
        model: MODEL,
        inferenceId: "inference_id",
        row: "position",
        label: "late",
      },
    },
    outlets: {
      polled: { kind: "feed", dataset: into },
      pushed: {
        kind: "webhook",
        dataset: into,
        url: webhookUrl,
        secret: { env: "WEBHOOK_SECRET" },
        batchRows: 100,
      },
      seen: {
        kind: "view",
        dataset: into,
        url: { env: "MARTS_URL" },
        schema: VIEW_SCHEMA,
        role: VIEW_ROLE,
      },
    },
    rules: [{ when: { drift: true }, do: "train", model: MODEL, unless: { coolDownSecs: 0 } }],
  };
}
