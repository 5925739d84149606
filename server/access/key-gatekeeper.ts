import { randomBytes, timingSafeEqual } from "node:crypto";
import { InferError, type StatusCode } from "../../protocols/core/status.ts";
import { authorise } from "./authorise.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import { hashSecret, type KeyRecord, splitKey } from "./key-record.ts";
import type { Action, Principal, Role } from "./principal.ts";

/** A refused request, for the audit log. Plain data: sent to the control thread by message. */
export interface Denial {
  /** Key id, "anonymous", or "unauthenticated" where no known key was shown. */
  readonly principal: string;
  /** null: refused before it was known what is asked. */
  readonly action: Action | null;
  /** As the client named it, at most 128 characters; null if none. */
  readonly model: string | null;
  readonly code: StatusCode;
}

export interface KeyGatekeeper extends Gatekeeper {
  /** Takes effect with the next call, for open streams too. */
  replace(records: readonly KeyRecord[]): void;
}

interface Entry {
  readonly principal: Principal;
  readonly digest: Buffer;
  /** Epoch milliseconds; infinite for never. */
  readonly expiresAtMs: number;
  readonly isRevoked: boolean;
}

const HINT = "send 'Authorization: Bearer slc_…' with a key of this server";

/**
 * Admits the holders of keys.
 * @param clock epoch milliseconds
 * @param onDenied called for every refusal, before the error is thrown; must not throw
 */
export function createKeyGatekeeper(
  records: readonly KeyRecord[],
  clock: () => number,
  onDenied: (denial: Denial) => void,
): KeyGatekeeper {
  let entries = index(records);
  /**
   * Keys that were shown and are right, each with its entry: hashing a secret costs as much as a small
   * request. As many as there are keys at most. Nothing can be learned from how long a lookup takes:
   * only a text of the same seeded hash is compared.
   */
  const known = new Map<string, Entry>();
  // An unknown id is compared with this, so that it takes as long as a wrong secret.
  const decoy = hashSecret(randomBytes(32).toString("base64url"));

  const refuse = (principal: string, message: string): InferError => {
    onDenied({ principal, action: null, model: null, code: "unauthenticated" });
    return new InferError("unauthenticated", message);
  };
  const assertLive = (entry: Entry): void => {
    const id = entry.principal.id;
    if (entry.isRevoked) throw refuse(id, `the key '${id}' is revoked`);
    if (clock() >= entry.expiresAtMs) throw refuse(id, `the key '${id}' is expired`);
  };

  return {
    authenticate(credential) {
      if (credential === null) throw refuse("unauthenticated", `no key came; ${HINT}`);
      const shown = known.get(credential);
      if (shown !== undefined) {
        assertLive(shown);
        return shown.principal;
      }
      const parts = splitKey(credential);
      const entry = parts === null ? undefined : entries.get(parts.id);
      const digest = hashSecret(parts?.secret ?? "");
      const isSame = timingSafeEqual(digest, entry?.digest ?? decoy);
      if (entry === undefined || !isSame) {
        throw refuse("unauthenticated", `the key is not known; ${HINT}`);
      }
      assertLive(entry);
      known.set(credential, entry);
      return entry.principal;
    },
    authorise(principal, action, model) {
      if (action === "probe") return;
      // Streams outlive their authentication: the key may have been revoked or changed since.
      const entry = entries.get(principal.id);
      if (entry === undefined) throw refuse(principal.id, `the key '${principal.id}' is gone`);
      assertLive(entry);
      authoriseAndReport(entry.principal, action, model, onDenied);
    },
    replace(next) {
      entries = index(next);
      known.clear();
    },
  };
}

/**
 * Admits everyone, for a server without keys.
 * @param role what anyone may do: "admin" only where nobody but this machine can connect
 */
export function createOpenGatekeeper(role: Role, onDenied: (denial: Denial) => void): Gatekeeper {
  const anonymous: Principal = Object.freeze({ id: "anonymous", name: null, role, models: ["*"] });
  return {
    authenticate: () => anonymous,
    authorise: (principal, action, model) => authoriseAndReport(principal, action, model, onDenied),
  };
}

function authoriseAndReport(
  principal: Principal,
  action: Action,
  model: string | null,
  onDenied: (denial: Denial) => void,
): void {
  try {
    authorise(principal, action, model);
  } catch (error) {
    onDenied({
      principal: principal.id,
      action,
      model: model === null ? null : model.slice(0, 128),
      code: "permission-denied",
    });
    throw error;
  }
}

function index(records: readonly KeyRecord[]): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { id, name, role, models, sha256, expiresAt, revokedAt } of records) {
    entries.set(id, {
      principal: Object.freeze({ id, name, role, models: Object.freeze([...models]) }),
      digest: Buffer.from(sha256, "hex"),
      expiresAtMs: expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
      isRevoked: revokedAt !== null,
    });
  }
  return entries;
}
