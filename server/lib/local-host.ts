/** Is the address, or the name in a URL, one that only this machine can reach? */
export function isLoopback(host: string): boolean {
  if (host === "127.0.0.1" || host === "localhost" || host === "::1") return true;
  if (!host.startsWith("127.")) return false;
  const octets = host.split(".");
  return octets.length === 4 && octets.every(isOctet);
}

function isOctet(text: string): boolean {
  const value = Number(text);
  return text.length > 0 && text.length <= 3 && Number.isInteger(value) && value <= 255;
}

/** May a request that names this host (lower case) be answered without keys? */
export function isLocalName(name: string, boundHost: string): boolean {
  return isLoopback(name) || (name !== "" && name === boundHost.toLowerCase());
}

/** Of `NAME[:PORT]` or `[V6][:PORT]`: without the port, lower case. */
export function hostName(host: string): string {
  const start = host.startsWith("[") ? 1 : 0;
  const end = host.indexOf(start === 1 ? "]" : ":");
  return host.slice(start, end < 0 ? host.length : end).toLowerCase();
}

/** Empty for anything but http(s)://HOST[:PORT] (`null` of a sandboxed page too). */
export function originHostName(origin: string): string {
  const lower = origin.toLowerCase();
  if (lower.startsWith("http://")) return hostName(lower.slice(7));
  if (lower.startsWith("https://")) return hostName(lower.slice(8));
  return "";
}

/** Why a header that names a foreign host is refused; the value is cut, and quoted. */
export function foreignHost(header: string, value: string): string {
  return `header '${header}' ${JSON.stringify(value.slice(0, 140))} is neither loopback nor the bound host; without keys only those are served`;
}
