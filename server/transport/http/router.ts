import type { ModelRef } from "../../../protocols/core/infer.ts";
import { isAlias, isModelName, isVersion } from "../../../protocols/core/names.ts";
import { InferError } from "../../../protocols/core/status.ts";

/** Everything that can be asked for over HTTP (Open Inference Protocol REST, model_repository extension). */
export type Route =
  | {
      readonly kind:
        | "live"
        | "ready"
        | "server-metadata"
        | "index"
        | "log-settings"
        | "set-log-settings";
    }
  | {
      readonly kind: "model-metadata" | "model-ready" | "model-config" | "infer";
      readonly ref: ModelRef;
    }
  /** `ref` is null for all models. */
  | { readonly kind: "statistics"; readonly ref: ModelRef | null }
  | { readonly kind: "load" | "unload" | "labels"; readonly model: string }
  /** A WebSocket upgrade; `ref` is null on /v2/stream. */
  | { readonly kind: "stream"; readonly ref: ModelRef | null };

const LIVE: Route = { kind: "live" };
const READY: Route = { kind: "ready" };
const SERVER_METADATA: Route = { kind: "server-metadata" };
const INDEX: Route = { kind: "index" };
const STATISTICS: Route = { kind: "statistics", ref: null };
const LOG_SETTINGS: Route = { kind: "log-settings" };
const SET_LOG_SETTINGS: Route = { kind: "set-log-settings" };
const STREAM: Route = { kind: "stream", ref: null };

/**
 * The route of a request, or why there is none: `route-not-found`, `method-not-allowed` (its details
 * name the allowed verb), `invalid-argument` for a bad name. Pure.
 * @param method upper case, as sent
 * @param path raw; a query string is ignored. Each segment is percent-decoded exactly once, after the
 *   split, so that an encoded slash stays inside its segment (and is then refused by the name rule).
 */
export function route(method: string, path: string): Route | InferError {
  const query = path.indexOf("?");
  const segments = (query < 0 ? path : path.slice(0, query)).split("/");
  if (segments[0] !== "" || segments[1] !== "v2") return notFound(path);
  switch (segments.length) {
    case 2:
      return only("GET", method, SERVER_METADATA);
    case 3:
      if (segments[2] === "stream") return only("GET", method, STREAM);
      return segments[2] === "logging" ? routeLogging(method) : notFound(path);
    default:
      return routeBelow(method, path, segments);
  }
}

function routeBelow(method: string, path: string, segments: readonly string[]): Route | InferError {
  switch (segments[2]) {
    case "health":
      return routeHealth(method, path, segments);
    case "models":
      return routeModel(method, path, segments);
    case "repository":
      return routeRepository(method, path, segments);
    default:
      return notFound(path);
  }
}

function routeLogging(method: string): Route | InferError {
  if (method === "POST") return SET_LOG_SETTINGS;
  return method === "GET" ? LOG_SETTINGS : wrongMethod("GET, POST", method);
}

function routeHealth(
  method: string,
  path: string,
  segments: readonly string[],
): Route | InferError {
  if (segments.length !== 4) return notFound(path);
  if (segments[3] === "live") return only("GET", method, LIVE);
  if (segments[3] === "ready") return only("GET", method, READY);
  return notFound(path);
}

/** /v2/models/{m}[/versions/{v}][/{verb}] */
function routeModel(method: string, path: string, segments: readonly string[]): Route | InferError {
  const hasVersion = segments[4] === "versions";
  const depth = hasVersion ? 6 : 4;
  if (segments.length > depth + 1 || segments.length < depth) return notFound(path);
  // As Triton has it: what a model of this name says of itself is found below its versions.
  if (segments.length === 4 && segments[3] === "stats") return only("GET", method, STATISTICS);
  const verb = segments[depth] ?? null;
  if (verb === "labels" && !hasVersion) return routeLabels(method, segments[3]);
  const kind = MODEL_VERBS.get(verb);
  if (kind === undefined) return notFound(path);
  const refused = checkMethod(kind === "infer" ? "POST" : "GET", method);
  if (refused !== null) return refused;
  const name = decodeModel(segments[3]);
  if (name instanceof InferError) return name;
  const version = hasVersion ? decodeVersion(segments[5]) : null;
  if (version instanceof InferError) return version;
  return { kind, ref: { name, version } };
}

/** /v2/models/{m}/labels: an inference id is of one version already. */
function routeLabels(method: string, segment: string | undefined): Route | InferError {
  const refused = checkMethod("POST", method);
  if (refused !== null) return refused;
  const model = decodeModel(segment);
  return model instanceof InferError ? model : { kind: "labels", model };
}

const MODEL_VERBS: ReadonlyMap<
  string | null,
  "model-metadata" | "model-ready" | "model-config" | "statistics" | "infer" | "stream"
> = new Map([
  [null, "model-metadata"],
  ["ready", "model-ready"],
  ["config", "model-config"],
  ["stats", "statistics"],
  ["infer", "infer"],
  ["stream", "stream"],
] as const);

/** /v2/repository/index, /v2/repository/models/{m}/load|unload */
function routeRepository(
  method: string,
  path: string,
  segments: readonly string[],
): Route | InferError {
  if (segments.length === 4 && segments[3] === "index") return only("POST", method, INDEX);
  const kind = segments[5];
  if (segments.length !== 6 || segments[3] !== "models") return notFound(path);
  if (kind !== "load" && kind !== "unload") return notFound(path);
  const refused = checkMethod("POST", method);
  if (refused !== null) return refused;
  const model = decodeModel(segments[4]);
  return model instanceof InferError ? model : { kind, model };
}

function only(allowed: string, method: string, found: Route): Route | InferError {
  return checkMethod(allowed, method) ?? found;
}

function checkMethod(allowed: string, method: string): InferError | null {
  return method === allowed ? null : wrongMethod(allowed, method);
}

function wrongMethod(allowed: string, method: string): InferError {
  return new InferError(
    "method-not-allowed",
    `this path takes ${allowed}, got ${method.slice(0, 20)}`,
    { details: { allowed } },
  );
}

function notFound(path: string): InferError {
  return new InferError("route-not-found", `no such path: ${JSON.stringify(path.slice(0, 200))}`);
}

function decodeModel(segment: string | undefined): string | InferError {
  const name = decodeSegment(segment);
  if (name !== null && isModelName(name)) return name;
  return invalidSegment(
    "model name",
    segment,
    "1-128 of A-Z a-z 0-9 . _ - starting with a letter or digit",
  );
}

function decodeVersion(segment: string | undefined): string | InferError {
  const version = decodeSegment(segment);
  if (version !== null && (isVersion(version) || isAlias(version))) return version;
  return invalidSegment("version", segment, "a positive whole number or an alias");
}

function decodeSegment(segment: string | undefined): string | null {
  if (segment === undefined) return null;
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

function invalidSegment(what: string, segment: string | undefined, expected: string): InferError {
  const came = JSON.stringify((segment ?? "").slice(0, 140));
  return new InferError("invalid-argument", `${what} ${came} must be ${expected}`);
}
