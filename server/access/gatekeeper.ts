import type { Action, Principal } from "./principal.ts";

/**
 * Authentication and authorisation as the transports see them; one instance a serving thread.
 * Every transport calls exactly these two, in this order, for every route but the probes (live,
 * ready), which are open: there it calls neither.
 */
export interface Gatekeeper {
  /**
   * @param credential the bearer token or key of the request, without scheme; null when none came
   * @throws InferError `unauthenticated`
   */
  authenticate(credential: string | null): Principal;
  /**
   * @param model null where the action concerns no one model
   * Called again for every message of a long-lived stream: a key may be revoked meanwhile.
   * @throws InferError `permission-denied`, or `unauthenticated` when the key is no longer good
   */
  authorise(principal: Principal, action: Action, model: string | null): void;
}
