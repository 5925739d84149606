import { timingSafeEqual } from "node:crypto";
import { parseWebhookSecret, signWebhook } from "./webhook-signature.ts";

/** A message that must not be believed. */
export class WebhookVerificationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WebhookVerificationError";
  }
}

export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const TOLERANCE_SECS = 300;

/**
 * For receivers: checks a message of a webhook outlet, as Standard Webhooks say. A message may come
 * twice with the same id: remember ids that you took.
 * @param secret `whsec_` + base64
 * @param headers with lower-case names, as node:http gives them
 * @param body the bytes as they came, before any parsing
 * @param nowSecs epoch seconds; timestamps more than 5 minutes off are refused
 * @returns the message's id
 * @throws WebhookVerificationError
 */
export function verifyWebhook(
  secret: string,
  headers: WebhookHeaders,
  body: string,
  nowSecs: number,
): string {
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const signatures = headerOf(headers, "webhook-signature");
  if (!/^[0-9]{1,12}$/.test(timestamp)) {
    throw new WebhookVerificationError("header 'webhook-timestamp' must be epoch seconds");
  }
  if (Math.abs(nowSecs - Number(timestamp)) > TOLERANCE_SECS) {
    throw new WebhookVerificationError("header 'webhook-timestamp' is more than 5 minutes off");
  }
  const expected = Buffer.from(
    signWebhook(parseWebhookSecret(secret), id, Number(timestamp), body),
  );
  // Several stand there while a secret is being changed.
  const isSigned = signatures.split(" ").some((signature) => isSame(expected, signature));
  if (!isSigned) throw new WebhookVerificationError("no signature is of this secret and body");
  return id;
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = headers[name];
  if (typeof value === "string" && value !== "") return value;
  throw new WebhookVerificationError(`header '${name}' must come once`);
}

function isSame(expected: Buffer, signature: string): boolean {
  const actual = Buffer.from(signature);
  return actual.byteLength === expected.byteLength && timingSafeEqual(actual, expected);
}
