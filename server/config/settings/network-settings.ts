import { JSON_NON_FINITE } from "../../../protocols/oip-rest/non-finite.ts";
import { HTTP_TRANSPORTS } from "../config.ts";
import { DAY_MS, GIB, integer, MIB, PORT, type Rows, row, TIB } from "./row.ts";

/** Listeners, what they let in, and how they close. */
export const NETWORK_SETTINGS = {
  threads: row(integer(1, 256), ({ cores }) => Math.max(1, Math.min(8, cores >> 1)), {
    defaultText: "half the cores, 1 to 8",
    text: "HTTP serving threads; one where uWebSockets.js does not load.",
  }),
  httpPort: row(PORT, 8000, { text: "HTTP and WebSocket port; 0 takes a free one." }),
  grpcPort: row(PORT, 8001, { text: "gRPC port; 0 takes a free one." }),
  metricsPort: row(PORT, 8002, { text: "Prometheus metrics port; 0 takes a free one." }),
  adminPort: row(PORT, 8003, {
    text: "Admin API, on 127.0.0.1 only: states, events, configuration, poll now; 0 takes a free one.",
  }),
  httpTransport: row({ kind: "enum", values: HTTP_TRANSPORTS }, "auto", {
    text: "uws: uWebSockets.js, an error where it does not load; node: node:http on one thread; auto: uws where it loads.",
  }),
  tlsCertFile: row({ kind: "path" }, null, {
    text: "Certificate chain in PEM, the server's own first: HTTP, WebSocket and gRPC speak TLS only. Read again when it changes.",
  }),
  tlsKeyFile: row({ kind: "path" }, null, { text: "Its private key in PEM, without passphrase." }),
  corsOrigins: row({ kind: "strings" }, [], {
    text: "Web pages that may read answers and open WebSockets, by exact origin: https://app.example.",
  }),
  maxConnections: row(integer(1, 1_000_000), 16_384, {
    text: "Connections open at once at the HTTP port, and as many at the gRPC port; more are closed at once.",
  }),
  maxBodyBytes: row(integer(1024, 2 * GIB), 64 * MIB, {
    text: "Largest request body or message.",
  }),
  maxInflightBytes: row(integer(1024, TIB), 512 * MIB, {
    text: "Request bytes held at once over all connections; beyond it, queue-full.",
  }),
  jsonNonFinite: row({ kind: "enum", values: JSON_NON_FINITE }, "reject", {
    text: 'NaN and infinities of floats in JSON, both ways. reject: an error; null: null; string: "NaN", "Infinity", "-Infinity"; token: the same bare, as Triton does.',
  }),
  compressFromBytes: row(integer(0, 2 * GIB), 4096, {
    text: "HTTP answers of at least so many bytes are compressed (gzip, deflate) where Accept-Encoding asks for it; 0: none.",
  }),
  maxStreamInflight: row(integer(1, 65_536), 64, {
    text: "WebSocket: requests in flight per connection.",
  }),
  maxStreamEgressBytes: row(integer(65_536, 2 * GIB), 8 * MIB, {
    text: "WebSocket: unsent bytes per connection before it is closed as too slow.",
  }),
  drainDelayMs: row(integer(0, DAY_MS), 0, {
    text: "After SIGTERM: keep serving, not ready, for this long, so that balancers look away.",
  }),
  exitTimeoutSecs: row({ kind: "number", min: 0.1, max: 86_400 }, 30, {
    text: "Then wait at most this long for what is in flight.",
  }),
} satisfies Partial<Rows>;
