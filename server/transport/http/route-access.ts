import type { Action } from "../../access/principal.ts";
import type { Route } from "./router.ts";

/** What a route asks leave for. */
export interface RouteAccess {
  readonly action: Action;
  /** null where no one model is concerned. */
  readonly model: string | null;
}

/** The one place that says what each route needs. Total: a new route does not compile without it. */
export function routeAccess(route: Route): RouteAccess {
  switch (route.kind) {
    case "live":
    case "ready":
      return { action: "probe", model: null };
    case "server-metadata":
    case "index":
    case "log-settings":
      return { action: "read", model: null };
    case "model-metadata":
    case "model-ready":
    case "model-config":
      return { action: "read", model: route.ref.name };
    case "set-log-settings":
      return { action: "admin", model: null };
    case "statistics":
    case "stream":
      return { action: "read", model: route.ref === null ? null : route.ref.name };
    case "infer":
      return { action: "infer", model: route.ref.name };
    case "labels":
      return { action: "infer", model: route.model };
    case "load":
    case "unload":
      return { action: "admin", model: route.model };
    default:
      return assertNever(route);
  }
}

function assertNever(route: never): never {
  throw new Error(`unknown route ${JSON.stringify(route)}`);
}
