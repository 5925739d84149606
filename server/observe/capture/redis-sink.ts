import { Redis } from "ioredis";
import { createDeferred } from "../../lib/deferred.ts";
import type { Logger } from "../../lib/log.ts";
import { type RecordSink, SinkError } from "./record-sink.ts";

/** About as many entries as the stream keeps; the oldest go. */
const MAX_ENTRIES = 1_000_000;
const PIPELINE_COMMANDS = 512;
const MAX_RETRY_MS = 5_000;
const CLOSE_MS = 3_000;

/**
 * A Redis stream, one entry a line with the single field `record`. Commands wait while Redis is away
 * (the capture queue bounds them) and are sent again after a reconnection, so that a record may stand
 * twice, never none that was acknowledged.
 */
export class RedisSink implements RecordSink {
  readonly #redis: Redis;
  readonly #stream: string;
  readonly #pending = new Set<Promise<void>>();
  /** Rejects at the close: ioredis leaves commands unsettled that wait for a reconnection. */
  readonly #ended = createDeferred<never>();

  constructor(url: string, stream: string, log: Logger) {
    this.#stream = stream;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      enableReadyCheck: false,
      maxRetriesPerRequest: null,
      connectTimeout: 5_000,
      retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 10), MAX_RETRY_MS),
    });
    let isAway = false;
    this.#redis.on("error", (error: NodeJS.ErrnoException) => {
      if (!isAway) log.warn({ code: error.code ?? error.name }, "Redis is away; records wait");
      isAway = true;
    });
    this.#redis.on("ready", () => {
      if (isAway) log.info({}, "Redis is back");
      isAway = false;
    });
    this.#ended.promise.catch(() => undefined);
    this.#redis.connect().catch(() => undefined);
  }

  async write(lines: readonly string[]): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let at = 0; at < lines.length; at += PIPELINE_COMMANDS) {
      parts.push(this.#track(this.#add(lines.slice(at, at + PIPELINE_COMMANDS))));
    }
    await Promise.all(parts);
  }

  /** As durable as that Redis keeps what it acknowledged. */
  writeDurably(lines: readonly string[]): Promise<void> {
    return this.write(lines);
  }

  async close(): Promise<void> {
    const all = Promise.allSettled([...this.#pending]).then(() => true);
    let timer: NodeJS.Timeout | null = null;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), CLOSE_MS);
    });
    const isDone = await Promise.race([all, late]);
    if (timer !== null) clearTimeout(timer);
    this.#redis.disconnect();
    this.#ended.reject(new SinkError("Redis did not answer before the server ended"));
    if (!isDone) throw new SinkError("Redis did not take the last records in time");
  }

  #track(part: Promise<void>): Promise<void> {
    const settled = part.catch(() => undefined).then(() => void this.#pending.delete(settled));
    this.#pending.add(settled);
    return part;
  }

  async #add(lines: readonly string[]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const line of lines) {
      pipeline.xadd(this.#stream, "MAXLEN", "~", MAX_ENTRIES, "*", "record", line);
    }
    const results = await Promise.race([pipeline.exec(), this.#ended.promise]);
    const failure = results?.find(([error]) => error !== null)?.[0];
    if (failure !== undefined)
      throw new SinkError(`Redis refused: ${failure?.message.slice(0, 80)}`);
  }
}
