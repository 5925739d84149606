/** Who asks, after authentication. */
export interface Principal {
  /** Of the key; "anonymous" without one. Safe to log. */
  readonly id: string;
}

/** read: look and poll. admin: pull or train now, try a dead message again. */
export type Action = "read" | "admin";

/**
 * Who may use the project API. Asked for every route but the probes (/healthz, /readyz), in this
 * order: authenticate, authorise. Over the server's key file its roles fit as they are: `read` and
 * `infer` may read, `admin` may do both.
 */
export interface Gatekeeper {
  /**
   * @param headers `authorization` as it came, or `Bearer KEY` for an `x-api-key: KEY` that came
   *   without one; null when neither did
   * @returns null: refused, which the client hears as 401. Takes the same time for an unknown key as
   *   for a wrong secret. Never throws.
   */
  authenticate(headers: { readonly authorization: string | null }): Principal | null;
  /** No keys: everybody is let in. Binding beyond loopback then needs --insecure. */
  readonly isOpen: boolean;
  /** Called for every request, so that a revoked key ends at once. false: 403. Never throws. */
  authorise(principal: Principal, action: Action): boolean;
}
