import type { InferError } from "../../../protocols/core/status.ts";
import type { BodyBuffer } from "./body-buffer.ts";
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
  /** `stopReading` cut the body short. */
  readonly isReadingStopped: boolean;
  /**
   * Fills `body`. REQUIRES: called at most once, and before the handler first yields (uWebSockets.js
   * drops what nobody listens to). Rejects with an InferError: what `body` threw, `cancelled` when the
   * client went away, or what `stopReading` was given. Frees nothing.
   */
  readBody(body: BodyBuffer): Promise<void>;
  /** Ends a `readBody` that is under way; later bytes are thrown away. */
  stopReading(reason: InferError): void;
  /**
   * Answers, with Content-Length; a no-op where the client has gone. Resolves when the last byte is with the socket or the client is
   * gone; never rejects. A client that takes nothing for bodyTimeoutMs is cut off. `parts` must not
   * change until then. REQUIRES: called at most once.
   * @param headers names and values in turn
   */
  respond(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): Promise<void>;
}
