import { accessSync, constants, existsSync } from "node:fs";
import { connect } from "node:net";
import { isContainerLocation } from "../../protocols/repository/location.ts";
import type { Config } from "../config/config.ts";
import { type Finding, finding } from "./doctor-check.ts";

const TIMEOUT_MS = 3000;

export async function checkRepository({ modelRepository }: Config): Promise<Finding> {
  if (isContainerLocation(modelRepository)) return checkContainer(modelRepository);
  if (!existsSync(modelRepository)) {
    return finding(
      "repository",
      "warn",
      `${modelRepository} is not there; 'sluice publish' makes it`,
    );
  }
  try {
    accessSync(modelRepository, constants.R_OK | constants.X_OK);
    return finding("repository", "ok", modelRepository);
  } catch (error) {
    return finding("repository", "fail", `cannot be read: ${(error as Error).message}`);
  }
}

/** Only whether the endpoint answers: credentials are tried by `serve` itself. */
async function checkContainer(location: string): Promise<Finding> {
  const url = new URL(location);
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const problem = await tryConnect(url.hostname.replace(/^\[|\]$/g, ""), port);
  return problem === null
    ? finding("repository", "ok", `${location}: ${url.host} answers (credentials not tried)`)
    : finding("repository", "fail", `${location}: ${url.host} does not answer: ${problem}`);
}

export async function checkRedis(redisUrl: string): Promise<Finding> {
  const { Redis } = await import("ioredis");
  const { host } = new URL(redisUrl);
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // Without a listener ioredis prints; what it says also rejects connect().
  redis.on("error", () => null);
  try {
    await redis.connect();
    await redis.ping();
    return finding("redis", "ok", `${host} answers`);
  } catch (error) {
    // Redis is a hint to look sooner: serve runs without it.
    return finding("redis", "warn", `${host} does not answer: ${(error as Error).message}`);
  } finally {
    redis.disconnect();
  }
}

/** null: something accepted the connection; otherwise why not. */
function tryConnect(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (problem: string | null): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(TIMEOUT_MS, () => end(`no answer in ${TIMEOUT_MS} ms`));
    socket.once("connect", () => end(null));
    socket.once("error", (error) => end(error.message));
  });
}
