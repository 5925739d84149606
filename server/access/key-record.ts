import { hash, randomBytes } from "node:crypto";
import type { Role } from "./principal.ts";
import type { Quota } from "./quota.ts";

/** What is kept of an API key: plain data, sent to serving threads by message. Never the key itself. */
export interface KeyRecord {
  /** Public half of the key; safe to log. */
  readonly id: string;
  /** Of the secret half, hex. The secret has 256 random bits, so a slow hash would add nothing. */
  readonly sha256: string;
  /** For people: whose key it is. */
  readonly name: string;
  readonly role: Role;
  /** Globs over model names. */
  readonly models: readonly string[];
  /** ISO 8601, UTC, as are the two below. */
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  /** null: as much as the server can do. */
  readonly quota: Quota | null;
}

export interface NewKey {
  readonly name: string;
  readonly role: Role;
  readonly models: readonly string[];
  readonly expiresAt: Date | null;
}

/** `slc_<id>.<secret>`: 12 hexadecimal digits, then 32 random bytes in base64url. */
const KEY_TEXT = /^slc_([0-9a-f]{12})\.([A-Za-z0-9_-]{43})$/;

/** @returns the record to keep and the key's text, which exists only here: show it once. */
export function createKey(
  wanted: NewKey,
  now: Date,
  quota: Quota | null = null,
): { record: KeyRecord; text: string } {
  const id = randomBytes(6).toString("hex");
  const secret = randomBytes(32).toString("base64url");
  const record: KeyRecord = {
    id,
    sha256: hashSecret(secret).toString("hex"),
    name: wanted.name,
    role: wanted.role,
    models: [...wanted.models],
    createdAt: now.toISOString(),
    expiresAt: wanted.expiresAt === null ? null : wanted.expiresAt.toISOString(),
    revokedAt: null,
    quota,
  };
  return { record, text: `slc_${id}.${secret}` };
}

/** null: it does not have the shape of a key. */
export function splitKey(text: string): { id: string; secret: string } | null {
  const match = text.length > 64 ? null : KEY_TEXT.exec(text);
  const [, id, secret] = match ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/** One call, as it is made for every request: a Hash object and its digest cost a third more. */
export function hashSecret(secret: string): Buffer {
  return Buffer.from(hash("sha256", secret, "binary"), "binary");
}
