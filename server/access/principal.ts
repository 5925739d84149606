/** Who asks, after authentication. */
export interface Principal {
  /** Key id, or "anonymous" where authentication is off. Safe to log. */
  readonly id: string;
  /** The key's name, for people and capture records; null where authentication is off. */
  readonly name: string | null;
  readonly role: Role;
  /** Globs over model names; `*` alone is every model. */
  readonly models: readonly string[];
}

/** Each role may do all that the one before it may. */
export const ROLES = ["read", "infer", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** What is asked for. `probe` (live, ready) is open to everyone. */
export type Action = "probe" | "read" | "infer" | "admin";
