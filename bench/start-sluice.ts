import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DirectoryStore } from "../pipelines/publish/directory-store.ts";
import { publishModel } from "../pipelines/publish/publish.ts";
import { createHttpClient } from "../protocols/client/http-client.ts";
import { DEFAULT_ALIAS } from "../protocols/core/names.ts";
import { Child } from "./child.ts";
import { freePorts } from "./free-ports.ts";
import type { SluiceOptions, SluiceServer } from "./running-server.ts";

const MAIN = fileURLToPath(new URL("../server/main.js", import.meta.url));
const PROBE_TIMEOUT_MS = 1000;

/**
 * Publishes the models into a fresh repository under `home` and serves it as in production: with
 * keys and metrics, every setting that `flags` does not name at its default.
 * @param home an empty folder; stays the caller's to remove
 * @param cores that the server may use, as `taskset -c` takes them; null: all
 * @throws Error with the server's last words when it does not become ready
 */
export async function startSluice(
  options: SluiceOptions,
  home: string,
  cores: string | null,
): Promise<SluiceServer> {
  const repository = join(home, "repository");
  for (const [model, file] of Object.entries(options.models)) {
    await publishFile(repository, model, file);
  }
  const keysFile = join(home, "keys.json");
  const apiKey = await createKey(home, keysFile);
  const [http, grpc, metrics] = await freePorts(3);
  const url = `http://127.0.0.1:${http}`;
  const startMs = performance.now();
  const args = [
    ...["serve", "--home", join(home, "home"), "--model-repository", repository],
    ...["--keys-file", keysFile, "--http-port", String(http), "--grpc-port", String(grpc)],
    ...["--metrics-port", String(metrics), "--admin-port", "0", ...options.flags],
  ];
  const child = new Child("sluice serve", MAIN, args, cores);
  try {
    await child.until(() => areReady(url, apiKey, Object.keys(options.models)));
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
  return {
    name: "sluice",
    endpoints: { url, grpc: `127.0.0.1:${grpc}` },
    apiKey,
    pid: child.pid,
    pids: () => [child.pid],
    stop: () => child.stop(),
    lastError: () => child.lastError,
    repository,
    metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
    startMs: performance.now() - startMs,
  };
}

/** As the model's next version and champion; resolves with the version. */
export async function publishFile(
  repository: string,
  modelName: string,
  file: string,
): Promise<number> {
  const { version } = await publishModel({
    store: new DirectoryStore(repository),
    modelName,
    modelBytes: await readFile(file),
    goldenBytes: null,
    alias: DEFAULT_ALIAS,
    breaking: false,
    lineage: { publisher: "sluice bench" },
    pause: async () => undefined,
  });
  return version;
}

/** A key that may do everything; its text. */
async function createKey(home: string, keysFile: string): Promise<string> {
  const args = ["keys", "create", "--name", "bench", "--role", "admin"];
  const places = ["--home", join(home, "home"), "--keys-file", keysFile];
  const child = new Child("sluice keys create", MAIN, [...args, ...places]);
  const text = await child.firstLine();
  await child.succeed();
  return text;
}

async function areReady(url: string, apiKey: string, models: readonly string[]): Promise<boolean> {
  const options = { apiKey, timeoutMs: PROBE_TIMEOUT_MS, binary: false, maxSockets: 1 };
  const client = createHttpClient(url, options);
  try {
    for (const name of models) {
      if (!(await client.isModelReady({ name, version: null }))) return false;
    }
    return await client.isServerReady();
  } catch {
    return false;
  } finally {
    await client.close();
  }
}
