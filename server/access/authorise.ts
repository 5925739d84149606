import { InferError } from "../../protocols/core/status.ts";
import { matchesGlob } from "./glob.ts";
import type { Action, Principal } from "./principal.ts";
import { ROLES } from "./principal.ts";

/**
 * The one decision of who may do what, for every route of every transport. Deny by default: a role
 * may do what the roles before it may (read, infer, admin), on the models its globs match.
 * @param model null where the action concerns no one model; then infer and admin need the glob `*`,
 *   while read is allowed (a list is filtered model by model)
 * @throws InferError `permission-denied`
 */
export function authorise(principal: Principal, action: Action, model: string | null): void {
  if (action === "probe") return;
  if (ROLES.indexOf(principal.role) < ROLES.indexOf(action)) {
    throw new InferError(
      "permission-denied",
      `this needs role ${action}, the key '${principal.id}' has role ${principal.role}`,
    );
  }
  if (reaches(principal, action, model)) return;
  throw new InferError(
    "permission-denied",
    model === null
      ? `this concerns all models, the key '${principal.id}' is limited to ${principal.models.join(", ")}`
      : `the key '${principal.id}' is for other models than '${model.slice(0, 128)}'`,
  );
}

/** Is the key for this model? Lists show a caller only such models. */
export function reachesModel(principal: Principal, model: string): boolean {
  return principal.models.some((glob) => matchesGlob(glob, model));
}

function reaches(principal: Principal, action: Action, model: string | null): boolean {
  if (model === null) return action === "read" || principal.models.includes("*");
  return reachesModel(principal, model);
}
