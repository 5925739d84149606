import { describe } from "node:test";
import { authContract } from "./auth-contract.ts";
import { compressionContract } from "./compression-contract.ts";
import { limitsContract } from "./limits-contract.ts";
import type { Rig } from "./rig.ts";
import { routesContract } from "./routes-contract.ts";
import { shutdownContract } from "./shutdown-contract.ts";
import { streamContract } from "./stream-contract.ts";

/** What every HTTP and WebSocket listener must do, over real loopback sockets. */
export function transportContract(rig: Rig, skip: string | null): void {
  describe(`transport contract: ${rig.name}`, { skip: skip ?? false }, () => {
    routesContract(rig);
    authContract(rig);
    limitsContract(rig);
    compressionContract(rig);
    streamContract(rig);
    shutdownContract(rig);
  });
}
