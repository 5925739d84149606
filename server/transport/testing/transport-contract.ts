import { describe } from "node:test";
import { authContract } from "./auth-contract.ts";
import { compressionContract } from "./compression-contract.ts";
import { connectionsContract } from "./connections-contract.ts";
import { corsContract } from "./cors-contract.ts";
import { hostileContract } from "./hostile-contract.ts";
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
    corsContract(rig);
    hostileContract(rig);
    limitsContract(rig);
    compressionContract(rig);
    connectionsContract(rig);
    streamContract(rig);
    shutdownContract(rig);
  });
}
