import { InferError } from "../../../protocols/core/status.ts";
import type { HttpOptions } from "./http-options.ts";
import type { RequestHeaders } from "./request-headers.ts";

/**
 * The guard against DNS rebinding: a web page whose name suddenly points at 127.0.0.1 sends its own
 * name as Host. @throws InferError `permission-denied`, `invalid-argument` when no Host came.
 */
export function assertAllowedHost(options: HttpOptions, headers: RequestHeaders): void {
  const host = headers.get("host");
  if (host === null) throw new InferError("invalid-argument", "header 'host' is missing");
  if (options.allowedHosts === "any") return;
  assertLocal("host", host, hostName(host), options.host);
  const origin = headers.get("origin");
  if (origin !== null) assertLocal("origin", origin, originHostName(origin), options.host);
}

/**
 * The guard against cross-site WebSockets, which browsers open without asking: an Origin must be
 * loopback or the host that the request itself names. @throws InferError `permission-denied`.
 */
export function assertSameOrigin(headers: RequestHeaders): void {
  const origin = headers.get("origin");
  if (origin === null) return;
  const name = originHostName(origin);
  if (isLoopback(name)) return;
  if (name !== "" && name === hostName(headers.get("host") ?? "")) return;
  throw new InferError(
    "permission-denied",
    `header 'origin' ${quote(origin)} must be loopback or the host of this server`,
  );
}

function assertLocal(header: string, value: string, name: string, boundHost: string): void {
  if (isLoopback(name) || (name !== "" && name === boundHost.toLowerCase())) return;
  throw new InferError(
    "permission-denied",
    `header '${header}' ${quote(value)} is neither loopback nor the bound host; without keys only those are served`,
  );
}

function isLoopback(name: string): boolean {
  if (name === "localhost" || name === "::1") return true;
  const octets = name.split(".");
  return octets.length === 4 && octets[0] === "127" && octets.every(isOctet);
}

function isOctet(text: string): boolean {
  const value = Number(text);
  return text.length > 0 && text.length <= 3 && Number.isInteger(value) && value <= 255;
}

/** `NAME[:PORT]` or `[V6][:PORT]` without the port, lower case. */
function hostName(host: string): string {
  const end = host.startsWith("[") ? host.indexOf("]") : host.indexOf(":");
  const name = end < 0 ? host : host.slice(0, end);
  return (name.startsWith("[") ? name.slice(1) : name).toLowerCase();
}

/** Empty for anything but http(s)://HOST[:PORT] (`null` of a sandboxed page too). */
function originHostName(origin: string): string {
  const lower = origin.toLowerCase();
  if (lower.startsWith("http://")) return hostName(lower.slice(7));
  if (lower.startsWith("https://")) return hostName(lower.slice(8));
  return "";
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 140));
}
