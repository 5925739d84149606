import type { JsonNonFinite } from "../../../protocols/oip-rest/non-finite.ts";
import type { TlsFiles } from "../../lib/tls-pair.ts";

/** What a listener is told; the same for both. */
export interface HttpOptions {
  readonly host: string;
  /** 0 takes a free port; the listener reports it. */
  readonly port: number;
  /** null: plain text. */
  readonly tls: TlsFiles | null;
  /** Most bytes of one request body or one WebSocket frame. */
  readonly maxBodyBytes: number;
  /** A body must have arrived whole this long after its head, and an answer must make progress within it. */
  readonly bodyTimeoutMs: number;
  /**
   * `loopback` refuses a Host or Origin header that is neither loopback nor `host`: the guard against
   * DNS rebinding where requests need no key. `any` leaves both unchecked (WebSocket still checks Origin).
   */
  readonly allowedHosts: "loopback" | "any";
  /** What JSON holds for NaN and infinities, where a request does not say. */
  readonly jsonNonFinite: JsonNonFinite;
  /** Answers of at least so many bytes are compressed for clients that take it; 0: none. */
  readonly compressFromBytes: number;
  /**
   * Web pages that may read answers and open WebSockets, by the origin that browsers send; `allowedHosts`
   * does not concern them.
   */
  readonly corsOrigins: readonly string[];
  /** WebSocket: requests in flight per connection. */
  readonly maxStreamInflight: number;
  /** WebSocket: bytes that may wait for a client that does not read. */
  readonly maxStreamEgressBytes: number;
}
