import { setTimeout as wait } from "node:timers/promises";
import { JobError } from "../jobs/job-error.ts";

export interface RestAnswer {
  readonly body: unknown;
  readonly headers: Headers;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly status: number;
}

export interface RestClient {
  /**
   * GET of JSON, tried again on 429, 408, 425, 5xx and a lost connection.
   * @param isEndAllowed 404 comes back as an answer without body
   * Rejects with JobError; transient when the other side was away or too busy.
   */
  get(url: URL, isEndAllowed: boolean): Promise<RestAnswer>;
}

export interface RestClientOptions {
  /** Nothing is sent to another: headers may hold a secret. */
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const MAX_ATTEMPTS = 5;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 10_000;
/** A longer Retry-After is for the next pull. */
const MAX_RETRY_AFTER_MS = 60_000;
const MAX_REDIRECTS = 5;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Of all answers of one client. */
const MAX_PULL_BYTES = 512 * 1024 * 1024;
const RETRIED = new Set([408, 425, 429]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createRestClient(options: RestClientOptions): RestClient {
  let bytesLeft = MAX_PULL_BYTES;
  const readBody = async (response: Response, url: URL) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > Math.min(MAX_ANSWER_BYTES, bytesLeft)) {
        throw new JobError(
          `${placeOf(url)}: answers may have ${MAX_ANSWER_BYTES} bytes each and ${MAX_PULL_BYTES} a pull; ask for smaller pages or a later start`,
        );
      }
      chunks.push(chunk);
    }
    bytesLeft -= bytes;
    return parseJson(Buffer.concat(chunks).toString("utf8"), url);
  };
  const attempt = async (url: URL, isEndAllowed: boolean): Promise<RestAnswer | Retry> => {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
    try {
      const { response, url: last } = await follow(url, options, signal);
      const { status, headers } = response;
      if (response.ok) return { body: await readBody(response, last), headers, url: last, status };
      await response.body?.cancel();
      if (isEndAllowed && status === 404) return { body: null, headers, url: last, status };
      return refusalOf(response, last);
    } catch (error) {
      if (error instanceof JobError) throw error;
      if (options.signal.aborted) throw new JobError("the job was asked to stop", true);
      return { reason: causeOf(error), delayMs: null };
    }
  };
  return {
    async get(url, isEndAllowed) {
      for (let count = 1; ; count += 1) {
        const outcome = await attempt(url, isEndAllowed);
        if ("body" in outcome) return outcome;
        const delayMs = outcome.delayMs ?? backoffMs(count);
        if (count === MAX_ATTEMPTS || delayMs > MAX_RETRY_AFTER_MS) {
          throw new JobError(`${placeOf(url)} is away: ${outcome.reason}, ${count} attempts`, true);
        }
        await wait(delayMs, undefined, { signal: options.signal }).catch(() => {
          throw new JobError("the job was asked to stop", true);
        });
      }
    },
  };
}

/** @throws JobError for an answer that another try will not change */
function refusalOf({ status, headers }: Response, url: URL): Retry {
  if (status < 500 && !RETRIED.has(status)) {
    throw new JobError(`${placeOf(url)} answered ${status}; expected 200`);
  }
  return { reason: `status ${status}`, delayMs: retryAfterMs(headers.get("retry-after")) };
}

interface Retry {
  readonly reason: string;
  /** As the server asked; null: as we think. */
  readonly delayMs: number | null;
}

async function follow(
  start: URL,
  { headers, origin }: RestClientOptions,
  signal: AbortSignal,
): Promise<{ response: Response; url: URL }> {
  let url = start;
  for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
    assertOrigin(url, origin);
    const response = await fetch(url.href, { headers, redirect: "manual", signal });
    const location = response.headers.get("location");
    if (!REDIRECTS.has(response.status) || location === null) return { response, url };
    await response.body?.cancel();
    url = resolveUrl(location, url);
  }
  throw new JobError(`${placeOf(start)} redirects more than ${MAX_REDIRECTS} times`);
}

/** @throws JobError: the bearer would leave for another host */
export function assertOrigin(url: URL, origin: string): void {
  if (url.origin === origin) return;
  throw new JobError(`the API at ${origin} leads to ${url.origin}: another origin is not followed`);
}

/** @throws JobError for a text that is no URL */
export function resolveUrl(text: string, base: URL): URL {
  if (!URL.canParse(text, base.href))
    throw new JobError(`${placeOf(base)} gave a next URL that is none`);
  return new URL(text, base.href);
}

/** Without query: it may hold a secret. */
export function placeOf(url: URL): string {
  return url.origin + url.pathname;
}

function parseJson(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new JobError(`${placeOf(url)} answered with something else than JSON`);
  }
}

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

function backoffMs(attempt: number): number {
  const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return delay * (0.5 + Math.random() / 2);
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  if (error.name === "TimeoutError") return "no answer in time";
  const { cause } = error;
  return cause instanceof Error && "code" in cause ? String(cause.code) : error.name;
}
