import {
  foreignHost,
  hostName,
  isLocalName,
  isLoopback,
  originHostName,
} from "../../server/lib/local-host.ts";
import { ApiError } from "./api-error.ts";

/**
 * @throws Error when other machines could connect and nobody would be asked who they are
 */
export function assertExposure(
  config: { readonly host: string; readonly home: string; readonly insecure: boolean },
  hasKeys: boolean,
): void {
  if (isLoopback(config.host) || config.insecure || hasKeys) return;
  throw new Error(
    `host ${config.host} can be reached from other machines and there are no keys: make one with 'sluice keys create --home ${config.home} --role admin --name NAME', or bind 127.0.0.1, or pass --insecure`,
  );
}

export interface HostHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * The guard against DNS rebinding, where there are no keys: a web page whose name suddenly points at
 * 127.0.0.1 sends its own name as Host, and a foreign page its Origin.
 * @throws ApiError 403
 */
export function assertLocalHost(headers: HostHeaders, boundHost: string): void {
  const { host, origin } = headers;
  if (host !== undefined) assertLocal("host", host, hostName(host), boundHost);
  if (origin !== undefined) assertLocal("origin", origin, originHostName(origin), boundHost);
}

function assertLocal(header: string, value: string, name: string, boundHost: string): void {
  if (!isLocalName(name, boundHost)) throw new ApiError(403, foreignHost(header, value));
}
