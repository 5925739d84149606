import { InferError } from "../../../protocols/core/status.ts";
import { type RouteAccess, routeAccess } from "./route-access.ts";
import { type Route, route } from "./router.ts";

/** A route, and what it asks leave for. */
export interface Target {
  readonly route: Route;
  readonly access: RouteAccess;
}

const MAX_PATHS = 256;
/** The longest path with a name and a version at their limits, and none of their bytes encoded. */
const MAX_PATH_CHARS = 300;

/**
 * Remembers the targets of inference paths: a server is asked for the same few models again and again,
 * and splitting a path and checking its names costs more than looking it up. Whoever sends many
 * different names makes it forget, not grow. One a listener.
 */
export class RouteCache {
  readonly #infer = new Map<string, Target>();

  /** As `route` has it; the same answer for the same method and path, remembered or not. */
  find(method: string, path: string): Target | InferError {
    const known = method === "POST" ? this.#infer.get(path) : undefined;
    if (known !== undefined) return known;
    const found = route(method, path);
    if (found instanceof InferError) return found;
    const target = { route: found, access: routeAccess(found) };
    if (found.kind === "infer" && path.length <= MAX_PATH_CHARS) this.#remember(path, target);
    return target;
  }

  #remember(path: string, target: Target): void {
    if (this.#infer.size >= MAX_PATHS) this.#infer.clear();
    this.#infer.set(path, target);
  }
}
