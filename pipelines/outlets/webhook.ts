import { retryAfterMs } from "./retry-delay.ts";
import { signWebhook } from "./webhook-signature.ts";

export interface WebhookMessage {
  /** Stays the same over every try. */
  readonly id: string;
  readonly url: string;
  readonly key: Buffer;
  readonly body: string;
  readonly timeoutMs: number;
}

/** What became of one try. */
export type PostOutcome =
  | { readonly kind: "delivered" }
  /** 410: the receiver wants no more of it. */
  | { readonly kind: "gone"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string; readonly retryAfterMs: number | null }
  /** We were told to stop; not the receiver's failure. */
  | { readonly kind: "stopped" };

const GONE = 410;
const MS_PER_SECOND = 1000;

/**
 * POSTs once, signed. Redirects are not followed, and the answer's body is not read. Never rejects.
 * Any host may be named, loopback and private ones too: the project file is the operator's.
 */
export async function postWebhook(
  message: WebhookMessage,
  nowMs: number,
  signal: AbortSignal,
): Promise<PostOutcome> {
  const timeout = AbortSignal.timeout(message.timeoutMs);
  try {
    const response = await fetch(message.url, {
      method: "POST",
      headers: headersOf(message, nowMs),
      body: message.body,
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
    });
    await response.body?.cancel();
    return judge(response, nowMs);
  } catch (error) {
    if (signal.aborted) return { kind: "stopped" };
    const reason = timeout.aborted
      ? `no answer within ${message.timeoutMs / MS_PER_SECOND} s`
      : describeFailure(error);
    return { kind: "failed", reason, retryAfterMs: null };
  }
}

function headersOf({ id, key, body }: WebhookMessage, nowMs: number): Record<string, string> {
  const timestampSecs = Math.floor(nowMs / MS_PER_SECOND);
  return {
    "content-type": "application/json",
    "user-agent": "sluice",
    "webhook-id": id,
    "webhook-timestamp": String(timestampSecs),
    "webhook-signature": signWebhook(key, id, timestampSecs, body),
  };
}

function judge(response: Response, nowMs: number): PostOutcome {
  if (response.ok) return { kind: "delivered" };
  const { status } = response;
  if (status === GONE) return { kind: "gone", reason: "HTTP 410" };
  const isRedirect = status >= 300 && status < 400;
  return {
    kind: "failed",
    reason: isRedirect ? `HTTP ${status}; redirects are not followed` : `HTTP ${status}`,
    retryAfterMs: retryAfterMs(response.headers.get("retry-after"), nowMs),
  };
}

/** fetch's own messages may hold the URL, and that a password. */
function describeFailure(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
  return code === null ? "the connection failed" : `the connection failed: ${code}`;
}
