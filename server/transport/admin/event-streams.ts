import type { ServerResponse } from "node:http";
import { InferError } from "../../../protocols/core/status.ts";
import type { AdminEvent, AdminView } from "./admin-view.ts";

const MAX_STREAMS = 16;
/** Unsent bytes after which a reader is too slow and is cut off; it may come back with its last id. */
const MAX_UNSENT_BYTES = 1024 * 1024;
const HEARTBEAT_MS = 15_000;

/** @throws InferError `invalid-argument` */
export function readLastId(text: string | null): number {
  if (text === null) return 0;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new InferError("invalid-argument", "'after' and Last-Event-ID must be a whole number");
}

/** Events of versions as server-sent events (HTML Living Standard, 9.2). */
export class EventStreams {
  readonly #view: AdminView;
  readonly #open = new Set<ServerResponse>();
  readonly #stop: () => void;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(view: AdminView) {
    this.#view = view;
    this.#stop = view.onEvent((event) => {
      for (const response of this.#open) this.#write(response, frameOf(event));
    });
    this.#heartbeat = setInterval(() => {
      for (const response of this.#open) this.#write(response, ":\n\n");
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /** Sends what came after `lastId`, then what comes. @throws InferError `queue-full` */
  open(response: ServerResponse, lastId: number): void {
    if (this.#open.size >= MAX_STREAMS) {
      throw new InferError(
        "queue-full",
        `${MAX_STREAMS} event streams are open, the most there can be`,
      );
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    this.#open.add(response);
    response.once("close", () => this.#open.delete(response));
    response.write(":\n\n");
    for (const event of this.#view.eventsAfter(lastId)) this.#write(response, frameOf(event));
  }

  close(): void {
    clearInterval(this.#heartbeat);
    this.#stop();
    for (const response of this.#open) response.end();
  }

  #write(response: ServerResponse, text: string): void {
    response.write(text);
    if (response.writableLength > MAX_UNSENT_BYTES) response.destroy();
  }
}

function frameOf(event: AdminEvent): string {
  return `id: ${event.id}\nevent: version\ndata: ${JSON.stringify(event)}\n\n`;
}
