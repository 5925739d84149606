import type { ModelRef } from "../../../protocols/core/infer.ts";
import { InferError } from "../../../protocols/core/status.ts";
import { draining } from "../http/draining.ts";
import { assertSameOrigin } from "../http/host-rule.ts";
import type { HttpExchange } from "../http/http-exchange.ts";
import type { HttpHandler } from "../http/http-handler.ts";
import type { ServingContext } from "../serving-context.ts";
import { readSubprotocols } from "./subprotocols.ts";

/** An upgrade that may go on. */
export interface StreamAdmission {
  /** Asked anew for each frame, so that a revoked key ends its use here too. */
  readonly credential: string | null;
  /** Of the URL; null on /v2/stream. */
  readonly ref: ModelRef | null;
  readonly subprotocol: string | null;
  readonly requestId: string;
}

/**
 * Judges a WebSocket upgrade as every other route is judged, plus its Origin; the model of its URL
 * must exist. Synchronous. A refused one is answered, and null comes back.
 */
export function admitStream(
  handler: HttpHandler,
  context: ServingContext,
  corsOrigins: readonly string[],
  exchange: HttpExchange,
): StreamAdmission | null {
  const requestId = handler.requestId(exchange);
  try {
    const offered = readSubprotocols(exchange.headers.get("sec-websocket-protocol"));
    const credential = exchange.headers.credential() ?? offered.key;
    const { route, principal } = handler.admit(exchange, credential);
    if (route.kind !== "stream" || principal === null) {
      throw new InferError("invalid-argument", "this path takes no WebSocket upgrade");
    }
    assertSameOrigin(exchange.headers, corsOrigins);
    if (context.isDraining()) throw draining();
    if (route.ref !== null) context.pipeline.serving.model(route.ref.name);
    return { credential, ref: route.ref, subprotocol: offered.chosen, requestId };
  } catch (thrown) {
    void handler.refuse(exchange, requestId, thrown);
    return null;
  }
}
