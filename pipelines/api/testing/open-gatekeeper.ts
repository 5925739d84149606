import { isLoopback } from "../../../server/lib/local-host.ts";
import type { Gatekeeper } from "../gatekeeper.ts";

/**
 * Lets everybody in, where there are no keys. As at the server, only who sits at this machine may
 * steer; a wider network (--insecure) may read.
 * @param host that the API is bound to
 */
export function createOpenGatekeeper(host: string): Gatekeeper {
  const anonymous = Object.freeze({ id: "anonymous" });
  return {
    isOpen: true,
    authenticate: () => anonymous,
    authorise: (_principal, action) => action === "read" || isLoopback(host),
  };
}
