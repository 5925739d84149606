import type { Gatekeeper } from "./access/gatekeeper.ts";
import { createKeyGatekeeper, createOpenGatekeeper } from "./access/key-gatekeeper.ts";
import type { Principal } from "./access/principal.ts";
import { readCredential } from "./access/read-credential.ts";
import { type AccessRoom, openAccessRoom } from "./access-room.ts";
import type { PipelinesConfig } from "./config/config.ts";
import { createLogger } from "./lib/log.ts";

/** Who may use the project API: the shape that pipelines/api asks for. Neither call throws. */
export interface PipelinesGatekeeper {
  readonly isOpen: boolean;
  /** null: refused. */
  authenticate(headers: { readonly authorization: string | null }): { readonly id: string } | null;
  authorise(principal: { readonly id: string }, action: "read" | "admin"): boolean;
}

/** Keys and audit of `sluice pipelines`: those of the home, as for `serve`. */
export interface PipelinesAccess {
  readonly gatekeeper: PipelinesGatekeeper;
  /** Waits for the audit records. */
  close(): Promise<void>;
}

/** @throws KeyFileError or AuditLogError when either file cannot be used */
export async function openPipelinesAccess(config: PipelinesConfig): Promise<PipelinesAccess> {
  const log = createLogger(config.logLevel, "pipelines");
  const room = await openAccessRoom(config, log, () => undefined);
  const gatekeeper = adapt(openGatekeeper(room), room.mode.kind === "open");
  return { gatekeeper, close: () => room.close() };
}

function openGatekeeper(room: AccessRoom): Gatekeeper {
  const { mode } = room;
  if (mode.kind === "open") return createOpenGatekeeper(mode.role, room.recordDenial);
  const gatekeeper = createKeyGatekeeper(mode.records, Date.now, room.recordDenial);
  room.watchKeys((records) => gatekeeper.replace(records));
  return gatekeeper;
}

/** Refusals as values: the API has its own way of saying them. */
function adapt(gatekeeper: Gatekeeper, isOpen: boolean): PipelinesGatekeeper {
  const principals = new WeakMap<object, Principal>();
  return {
    isOpen,
    authenticate({ authorization }) {
      try {
        const credential = readCredential((name) =>
          name === "authorization" ? authorization : null,
        );
        const principal = gatekeeper.authenticate(credential);
        principals.set(principal, principal);
        return principal;
      } catch {
        return null;
      }
    },
    authorise(asking, action) {
      const principal = principals.get(asking);
      if (principal === undefined) return false;
      try {
        gatekeeper.authorise(principal, action, null);
        return true;
      } catch {
        return false;
      }
    },
  };
}
