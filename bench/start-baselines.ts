import { fileURLToPath } from "node:url";
import type { EchoPlan } from "./baseline/echo-plan.ts";
import { Child } from "./child.ts";
import type { RunningServer } from "./running-server.ts";

const START_TIMEOUT_MS = 10_000;

/**
 * fastify + onnxruntime-node.
 * @param intraOpThreads null: the runtime's default
 * @throws Error with the baseline's last words when it does not start
 */
export async function startFastify(
  modelFile: string,
  intraOpThreads: number | null,
  cores: string | null,
): Promise<RunningServer> {
  const threads = intraOpThreads === null ? [] : ["--intra-op-threads", String(intraOpThreads)];
  const args = ["--model-file", modelFile, "--port", "0", ...threads];
  const child = new Child("the fastify baseline", script("fastify-server"), args, cores);
  return asServer("fastify", child, async () => {
    return (JSON.parse(await child.firstLine()) as { port: number }).port;
  });
}

/** uWebSockets.js alone, answering the same bytes to everything. */
export async function startEcho(plan: EchoPlan, cores: string | null): Promise<RunningServer> {
  const child = new Child("the echo baseline", script("echo-server"), [], cores);
  return asServer("echo", child, async () => {
    return ((await child.ask(plan, START_TIMEOUT_MS)) as { port: number }).port;
  });
}

async function asServer(
  name: string,
  child: Child,
  listen: () => Promise<number>,
): Promise<RunningServer> {
  try {
    const url = `http://127.0.0.1:${await listen()}`;
    const endpoints = { url, grpc: null };
    const pids = () => [child.pid];
    return { name, endpoints, apiKey: null, pids, stop: () => child.stop() };
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
}

function script(name: string): string {
  return fileURLToPath(new URL(`./baseline/${name}.js`, import.meta.url));
}
