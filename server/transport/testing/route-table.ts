/** Every route of the HTTP API, for tests that must hold on all of them. */
export interface RouteEntry {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: string | null;
  readonly status: number;
  readonly action: "probe" | "read" | "infer" | "admin";
  /** null: concerns no one model. */
  readonly model: string | null;
}

const BODY = '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}';

const LABELS = '{"labels":[{"inference_id":"a.1","label":1}]}';

function entry(
  method: "GET" | "POST",
  path: string,
  action: RouteEntry["action"],
  model: string | null,
  body: string | null = null,
): RouteEntry {
  return { method, path, body, status: path.endsWith("/stream") ? 400 : 200, action, model };
}

/** `echo` is a model that `double-key` may not touch. */
export const ROUTES: readonly RouteEntry[] = [
  entry("GET", "/v2/health/live", "probe", null),
  entry("GET", "/v2/health/ready", "probe", null),
  entry("GET", "/v2", "read", null),
  entry("GET", "/v2/stream", "read", null),
  entry("GET", "/v2/logging", "read", null),
  entry("POST", "/v2/logging", "admin", null, "{}"),
  entry("GET", "/v2/models/stats", "read", null),
  entry("POST", "/v2/repository/index", "read", null, "{}"),
  ...["", "/versions/1", "/versions/champion"].flatMap((version) => [
    entry("GET", `/v2/models/echo${version}`, "read", "echo"),
    entry("GET", `/v2/models/echo${version}/ready`, "read", "echo"),
    entry("GET", `/v2/models/echo${version}/config`, "read", "echo"),
    entry("GET", `/v2/models/echo${version}/stats`, "read", "echo"),
    entry("GET", `/v2/models/echo${version}/stream`, "read", "echo"),
    entry("POST", `/v2/models/echo${version}/infer`, "infer", "echo", BODY),
  ]),
  entry("POST", "/v2/models/echo/labels", "infer", "echo", LABELS),
  entry("POST", "/v2/repository/models/echo/load", "admin", "echo", "{}"),
  entry("POST", "/v2/repository/models/echo/unload", "admin", "echo", "{}"),
];

export const VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"] as const;
