import type { AdminExplanation } from "../transport/admin/admin-view.ts";
import { type TextSink, UsageError } from "./io.ts";
import { renderExplanation } from "./render-explanation.ts";

/** A served model to explain, as the command line gives it. */
export interface ExplainModelArgs {
  readonly model: string;
  /** Number or alias; null: all that are loaded. */
  readonly version: string | null;
  /** Of the admin port. */
  readonly url: string;
  readonly apiKey: string | null;
  readonly isJson: boolean;
}

const TIMEOUT_MS = 10_000;

/**
 * `sluice explain --model`: why requests of a served model wait and why its batches close.
 * @throws Error whose message begins with the code of errors.md; UsageError for a URL that is none
 */
export async function runExplainModel(args: ExplainModelArgs, stdout: TextSink): Promise<number> {
  const explanation = await ask(args);
  stdout.write(
    args.isJson ? `${JSON.stringify(explanation, null, 2)}\n` : renderExplanation(explanation),
  );
  return 0;
}

async function ask({ model, version, url, apiKey }: ExplainModelArgs): Promise<AdminExplanation> {
  const place = explainUrl(url, model, version);
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch(place, {
      headers: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "error",
    });
    body = await answer.json();
  } catch (thrown) {
    throw new Error(`unavailable: no admin port answers at ${place.origin} (${reasonOf(thrown)})`, {
      cause: thrown,
    });
  }
  if (!answer.ok) throw new Error(failureOf(answer.status, body));
  if (isExplanation(body)) return body;
  throw new Error(`unavailable: ${place.origin} is not the admin port of a Sluice server`);
}

function explainUrl(url: string, model: string, version: string | null): URL {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`--url ${url} is not http(s)://HOST:PORT`);
  }
  const place = new URL(`/v1/models/${encodeURIComponent(model)}/explain`, url);
  if (version !== null) place.searchParams.set("version", version);
  return place;
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? thrown.cause.message : thrown.message;
}

function failureOf(status: number, body: unknown): string {
  const { code, error } = (body ?? {}) as { code?: unknown; error?: unknown };
  return `${typeof code === "string" ? code : `status ${status}`}: ${String(error ?? "no reason was given")}`;
}

/** Written by a server that may be of another release. */
function isExplanation(body: unknown): body is AdminExplanation {
  const { model, loaded } = (body ?? {}) as { model?: unknown; loaded?: unknown };
  return typeof model === "string" && Array.isArray(loaded);
}
