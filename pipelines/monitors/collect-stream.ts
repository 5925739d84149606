import { Redis } from "ioredis";
import { JobError } from "../jobs/job-error.ts";

export interface StreamEntry {
  readonly id: string;
  /** Its field `record`; null without one. */
  readonly record: string | null;
}

const PAGE_ENTRIES = 500;
const ENTRY_ID = /^[0-9]+(-[0-9]+)?$/;
const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;

/**
 * Entries of a Redis stream after an id, oldest first, at most `maxEntries`, by pages (XRANGE with an
 * exclusive start: Redis 6.2). Ends at what is the end when it comes there; closes the connection.
 * @throws JobError, transient when the server is away; it never holds the URL
 */
export async function* readStream(
  { redisUrl, name, afterId }: { redisUrl: string; name: string; afterId: string },
  maxEntries: number,
): AsyncGenerator<StreamEntry> {
  if (!ENTRY_ID.test(afterId)) {
    throw new JobError(`a stream is read after an entry id as 1700000000000-0, not '${afterId}'`);
  }
  const redis = await connect(redisUrl);
  try {
    let after = afterId;
    let left = maxEntries;
    while (left > 0) {
      const page = await readPage(redis, name, after, Math.min(PAGE_ENTRIES, left));
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.id;
      left -= page.length;
    }
  } finally {
    redis.disconnect();
  }
}

async function connect(redisUrl: string): Promise<Redis> {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // Without a listener ioredis prints; and connect() rejects with less than what is said here.
  let said: Error | null = null;
  redis.on("error", (error: Error) => {
    said = error;
  });
  try {
    await redis.connect();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new JobError(`the Redis of the capture stream is away: ${reasonOf(said ?? error)}`, true);
  }
}

async function readPage(
  redis: Redis,
  name: string,
  after: string,
  count: number,
): Promise<StreamEntry[]> {
  try {
    const entries = await redis.xrange(name, `(${after}`, "+", "COUNT", count);
    return entries.map(([id, fields]) => ({ id, record: recordOf(fields) }));
  } catch (error) {
    const reason = reasonOf(error);
    // WRONGTYPE, NOPERM and the like are answers: another try brings the same.
    const isTransient = !/^[A-Z]{4,} /.test(reason) || reason.startsWith("LOADING ");
    throw new JobError(`cannot read the capture stream '${name}': ${reason}`, isTransient);
  }
}

function recordOf(fields: readonly string[]): string | null {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (fields[i] === "record") return fields[i + 1] ?? null;
  }
  return null;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.message.slice(0, 200);
}
