import type { Waiter } from "../../request/waiter.ts";
import type { BodyRead } from "./body-read.ts";
import type { RequestHeaders } from "./request-headers.ts";

/**
 * What becomes of the connection after an answer. `close` is for a head whose framing is in doubt:
 * nothing more is read. `drain-then-close` answers before the body has come: the rest is thrown away,
 * because closing at once would reset the connection before the client has read why.
 */
export type AfterAnswer = "keep-alive" | "close" | "drain-then-close";

/** One request and its answer, free of any socket; each listener has its own. One thread only. */
export interface HttpExchange {
  /** Upper case. */
  readonly method: string;
  /** Raw, perhaps with a query string. */
  readonly path: string;
  readonly headers: RequestHeaders;
  /** The body was cut short. */
  readonly isReadingStopped: boolean;
  /**
   * Feeds `read`, or aborts it when the client goes away. REQUIRES: called at most once, and before the
   * handler first yields (uWebSockets.js drops what nobody listens to).
   */
  readBody(read: BodyRead): void;
  /** Tells it when the client goes away. REQUIRES: called at most once. */
  tellGone(waiter: Waiter): void;
  /**
   * Answers, with Content-Length; a no-op where the client has gone. A client that takes nothing for
   * bodyTimeoutMs is cut off. REQUIRES: called at most once.
   * @param headers names and values in turn; no value holds a line break
   * @returns null where the last byte is with the socket already; else resolves when it is or the client
   *   is gone, and never rejects. `parts` must not change until then
   */
  respond(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): Promise<void> | null;
  /** Cuts the connection: part of an answer may be out, so that nothing can follow it. A no-op where it is gone. */
  abort(): void;
}
