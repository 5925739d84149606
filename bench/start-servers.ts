import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHttpClient } from "../protocols/client/http-client.ts";
import { Child } from "./child.ts";
import type { Endpoints } from "./load-plan.ts";

/** A server started for a comparison; stop it with `child.stop()`. */
export interface StartedServer {
  readonly child: Child;
  readonly endpoints: Endpoints;
}

export const BENCH_MODEL = "bench";
const PROBE_TIMEOUT_MS = 1000;

/** @throws Error with the baseline's last words when it does not start */
export async function startFastify(
  modelFile: string,
  intraOpThreads: number | null,
): Promise<StartedServer> {
  const script = compiled("./baseline/fastify-server.js");
  const args = ["--model-file", modelFile, "--port", "0", ...intraOpArgs(intraOpThreads)];
  const child = new Child("the fastify baseline", script, args);
  try {
    const { port } = JSON.parse(await child.firstLine()) as { port: number };
    return { child, endpoints: { url: `http://127.0.0.1:${port}`, grpc: null } };
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
}

/**
 * Publishes the model into a fresh repository under `home` and serves it with default settings.
 * @throws Error with the server's last words when it does not become ready
 */
export async function startSluice(
  modelFile: string,
  home: string,
  intraOpThreads: number | null,
): Promise<StartedServer> {
  const main = compiled("../server/main.js");
  const repository = join(home, "repository");
  const publish = ["publish", modelFile, "--model", BENCH_MODEL, "--model-repository", repository];
  await new Child("sluice publish", main, publish).succeed();
  const [http, grpc, metrics] = await freePorts(3);
  const child = new Child("sluice serve", main, [
    "serve",
    ...["--home", join(home, "home"), "--model-repository", repository],
    ...["--http-port", String(http), "--grpc-port", String(grpc)],
    ...["--metrics-port", String(metrics), ...intraOpArgs(intraOpThreads)],
  ]);
  const endpoints = { url: `http://127.0.0.1:${http}`, grpc: `127.0.0.1:${grpc}` };
  const options = { apiKey: null, timeoutMs: PROBE_TIMEOUT_MS, binary: false, maxSockets: 1 };
  const client = createHttpClient(endpoints.url, options);
  const model = { name: BENCH_MODEL, version: null };
  try {
    await child.until(() => client.isModelReady(model).catch(() => false));
  } catch (thrown) {
    await child.stop();
    throw thrown;
  } finally {
    await client.close();
  }
  return { child, endpoints };
}

/** Ports that nobody listened on a moment ago; another process may still take them first. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address !== null && typeof address === "object") ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function intraOpArgs(threads: number | null): string[] {
  return threads === null ? [] : ["--intra-op-threads", String(threads)];
}

function compiled(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
