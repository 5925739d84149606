import { setTimeout as delay } from "node:timers/promises";

/** An event of the store, as the project API gives it. */
export interface StoreEvent {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly subject: string;
  readonly runId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** As much of a run as the demo tells. */
export interface StoreRun {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly reason: string;
  readonly gitCommit: string | null;
  readonly result: unknown;
}

/** The project API of `sluice pipelines`. */
export interface PipelinesClient {
  events(after: number): Promise<readonly StoreEvent[]>;
  run(id: string): Promise<StoreRun>;
  /** Asks for a pull now. */
  pull(feed: string): Promise<void>;
  /** The first rows of an outlet, NDJSON lines. */
  feedLines(outlet: string, limit: number): Promise<readonly string[]>;
}

const PAGE = 1000;
const TIMEOUT_MS = 10_000;
const TRIES = 5;
const RETRY_MS = 1_000;

/** Asks again for a while when nobody answers: `sluice up` starts anew what died. */
export function createPipelinesClient(url: string, signal: AbortSignal): PipelinesClient {
  const call = async (path: string, method: "GET" | "POST" = "GET"): Promise<Response> => {
    for (let tried = 1; ; tried += 1) {
      try {
        const timeout = AbortSignal.timeout(TIMEOUT_MS);
        return await fetch(`${url}${path}`, { method, signal: AbortSignal.any([signal, timeout]) });
      } catch (thrown) {
        signal.throwIfAborted();
        if (tried === TRIES) {
          throw new Error(`the pipelines at ${url} do not answer`, { cause: thrown });
        }
        await delay(RETRY_MS, undefined, { signal });
      }
    }
  };
  const read = async (path: string): Promise<string> => {
    const response = await call(path);
    const text = await response.text();
    if (response.ok) return text;
    throw new Error(`the pipelines answered ${response.status} to ${path}: ${text.slice(0, 200)}`);
  };
  return {
    async events(after) {
      const { events } = JSON.parse(await read(`/v1/events?after=${after}&limit=${PAGE}`)) as {
        events: readonly StoreEvent[];
      };
      return events;
    },
    async run(id) {
      return JSON.parse(await read(`/v1/runs/${encodeURIComponent(id)}`)) as StoreRun;
    },
    async pull(feed) {
      const response = await call(`/v1/feeds-in/${feed}/pull`, "POST");
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the pipelines answered ${response.status} to a pull`);
    },
    async feedLines(outlet, limit) {
      const text = await read(`/v1/feeds/${outlet}?limit=${limit}`);
      return text.split("\n").filter((line) => line !== "");
    },
  };
}
