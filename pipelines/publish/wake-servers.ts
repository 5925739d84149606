import { WAKE_CHANNEL } from "../../protocols/repository/layout.ts";
import { repositoryId } from "../../protocols/repository/location.ts";

const TIMEOUT_MS = 2_000;

/**
 * Tells the servers that listen on Redis to look at the repository now. Returns why it could not,
 * or null: they find the version by polling in any case.
 */
export async function wakeServers(redisUrl: string, location: string): Promise<string | null> {
  const { Redis } = await import("ioredis");
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let last: Error | null = null;
  // Without a listener the library prints the error itself.
  redis.on("error", (error) => {
    last = error;
  });
  try {
    await redis.connect();
    await redis.publish(WAKE_CHANNEL, repositoryId(location));
    return null;
  } catch (error) {
    return describe(last ?? error);
  } finally {
    redis.disconnect();
  }
}

/** The code only: a message could quote a password from the URL. */
function describe(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name;
}
