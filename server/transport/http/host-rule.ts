import { InferError } from "../../../protocols/core/status.ts";
import {
  foreignHost,
  hostName,
  isLocalName,
  isLoopback,
  originHostName,
} from "../../lib/local-host.ts";
import type { HttpOptions } from "./http-options.ts";
import type { RequestHeaders } from "./request-headers.ts";

/**
 * The guard against DNS rebinding: a web page whose name suddenly points at 127.0.0.1 sends its own
 * name as Host. One a listener.
 */
export class HostRule {
  readonly #options: HttpOptions;
  /** The last value that was let in: nearly every request brings it again. */
  #accepted: string | null = null;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** @throws InferError `permission-denied`, `invalid-argument` when no Host came */
  assertAllowed(headers: RequestHeaders): void {
    const { allowedHosts, host: boundHost } = this.#options;
    const host = headers.get("host");
    if (host === null) throw new InferError("invalid-argument", "header 'host' is missing");
    if (allowedHosts === "any") return;
    if (host !== this.#accepted) {
      assertLocal("host", host, hostName(host), boundHost);
      this.#accepted = host;
    }
    const origin = headers.get("origin");
    if (origin !== null && !this.#options.corsOrigins.includes(origin)) {
      assertLocal("origin", origin, originHostName(origin), boundHost);
    }
  }

  /**
   * Without keys whoever sits at this machine may steer the server, and pages of it; not the pages of
   * `corsOrigins`, which are listed to infer.
   * @throws InferError `permission-denied`
   */
  assertMaySteer(headers: RequestHeaders): void {
    const { allowedHosts, host: boundHost } = this.#options;
    const origin = headers.get("origin");
    if (allowedHosts === "any" || origin === null) return;
    if (isLocalName(originHostName(origin), boundHost)) return;
    throw new InferError(
      "permission-denied",
      `without keys a page of another origin may not do this, expected a loopback origin, got ${JSON.stringify(origin.slice(0, 140))}`,
    );
  }
}

/**
 * The guard against cross-site WebSockets, which browsers open without asking: an Origin must be
 * loopback, the host that the request itself names or one of `corsOrigins`.
 * @throws InferError `permission-denied`
 */
export function assertSameOrigin(headers: RequestHeaders, corsOrigins: readonly string[]): void {
  const origin = headers.get("origin");
  if (origin === null || corsOrigins.includes(origin)) return;
  const name = originHostName(origin);
  if (isLoopback(name)) return;
  if (name !== "" && name === hostName(headers.get("host") ?? "")) return;
  throw new InferError(
    "permission-denied",
    `header 'origin' ${JSON.stringify(origin.slice(0, 140))} must be loopback, the host of this server or one of corsOrigins`,
  );
}

function assertLocal(header: string, value: string, name: string, boundHost: string): void {
  if (isLocalName(name, boundHost)) return;
  throw new InferError("permission-denied", foreignHost(header, value));
}
