import { Redis } from "ioredis";
import { WAKE_CHANNEL } from "../../protocols/repository/layout.ts";
import { repositoryId } from "../../protocols/repository/location.ts";
import type { SourceLog } from "./repository-reader.ts";

const MAX_RETRY_MS = 30_000;

export interface RedisWake {
  close(): void;
}

/**
 * Calls `wake` whenever a publisher says in Redis that this repository changed, and after each
 * reconnection (a message may have been missed). Redis being away is never an error, as polling goes
 * on: one line is logged when it goes and one when it is back.
 * @param location of the repository
 */
export function watchRedis(
  url: string,
  location: string,
  wake: () => void,
  log: SourceLog,
): RedisWake {
  const id = repositoryId(location);
  const redis = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    autoResubscribe: false,
    maxRetriesPerRequest: null,
    connectTimeout: 5_000,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 10), MAX_RETRY_MS),
  });
  let isAway = false;
  redis.on("error", (error: NodeJS.ErrnoException) => {
    if (isAway) return;
    isAway = true;
    log.warn(
      { code: error.code ?? error.name },
      "Redis is away; new versions are found by polling",
    );
  });
  redis.on("ready", () => {
    redis.subscribe(WAKE_CHANNEL).then(
      () => {
        if (isAway) log.info({}, "Redis is back");
        isAway = false;
        wake();
      },
      // The connection went again: it is told by "error", and tried again.
      () => undefined,
    );
  });
  redis.on("message", (_channel, message) => {
    if (message === id) wake();
  });
  redis.connect().catch(() => undefined);
  return { close: () => redis.disconnect() };
}
