import { ApiError } from "./api-error.ts";

/** Is the address one that only this machine can reach? */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

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
  if (headers.host !== undefined) assertLocal("host", headers.host, headers.host, boundHost);
  const { origin } = headers;
  if (origin === undefined) return;
  const authority = /^https?:\/\/(.+)$/i.exec(origin)?.[1] ?? "";
  assertLocal("origin", origin, authority, boundHost);
}

function assertLocal(header: string, value: string, authority: string, boundHost: string): void {
  const name = hostName(authority);
  if (isLoopback(name) || (name !== "" && name === boundHost.toLowerCase())) return;
  throw new ApiError(
    403,
    `header '${header}' ${JSON.stringify(value.slice(0, 140))} is neither loopback nor the bound host; without keys only those are served`,
  );
}

/** `NAME[:PORT]` or `[V6][:PORT]` without the port, lower case. */
function hostName(authority: string): string {
  const end = authority.startsWith("[") ? authority.indexOf("]") : authority.indexOf(":");
  const name = end < 0 ? authority : authority.slice(0, end);
  return (name.startsWith("[") ? name.slice(1) : name).toLowerCase();
}
