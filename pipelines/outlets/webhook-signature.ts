import { createHmac } from "node:crypto";

/** Standard Webhooks 1.0 (standardwebhooks.com): symmetric signatures, `v1`. */

const PREFIX = "whsec_";
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** Of the specification. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** @throws Error without the secret */
export function parseWebhookSecret(secret: string): Buffer {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : "";
  const key = BASE64.test(encoded) ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
  if (key.byteLength >= MIN_KEY_BYTES && key.byteLength <= MAX_KEY_BYTES) return key;
  throw new Error(
    `the webhook's secret must be '${PREFIX}' and base64 of ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes, got something else (not shown)`,
  );
}

/** Value of `webhook-signature`. */
export function signWebhook(key: Buffer, id: string, timestampSecs: number, body: string): string {
  const mac = createHmac("sha256", key).update(`${id}.${timestampSecs}.${body}`);
  return `v1,${mac.digest("base64")}`;
}
