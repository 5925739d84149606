import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";

/**
 * Which versions of a model are loaded beside those that its aliases lead to: none more, the highest
 * `count`, every one, or the named ones. After TensorFlow Serving's ServableVersionPolicy and
 * Triton's `version_policy`; `aliases` is Sluice's own.
 */
export type VersionPolicy =
  | { readonly kind: "aliases" }
  /** At least 1. */
  | { readonly kind: "latest"; readonly count: number }
  | { readonly kind: "all" }
  | { readonly kind: "specific"; readonly versions: readonly number[] };

export const ALIASES_ONLY: VersionPolicy = { kind: "aliases" };

/** What a policy needs to know of a model. */
export interface PolicySubject {
  /** By number; every version that the repository has. */
  readonly versions: ReadonlyMap<number, string>;
  readonly aliases: ReadonlyMap<string, number>;
}

/**
 * The versions that should be loaded, in the order in which they are brought up: the champion, what
 * other aliases lead to, then what the policy adds, highest first. Named versions that the
 * repository does not have are left out.
 */
export function selectVersions(subject: PolicySubject, policy: VersionPolicy): readonly number[] {
  const champion = subject.aliases.get(DEFAULT_ALIAS);
  const first = champion === undefined ? [] : [champion];
  return [...new Set([...first, ...subject.aliases.values(), ...addedBy(subject, policy)])];
}

function addedBy({ versions }: PolicySubject, policy: VersionPolicy): readonly number[] {
  const falling = [...versions.keys()].sort((a, b) => b - a);
  switch (policy.kind) {
    case "aliases":
      return [];
    case "latest":
      return falling.slice(0, policy.count);
    case "all":
      return falling;
    case "specific":
      return falling.filter((version) => policy.versions.includes(version));
  }
}

const LATEST = /^latest(?::([1-9][0-9]{0,5}))?$/;
const SPECIFIC = /^specific:([1-9][0-9]{0,9}(?:\+[1-9][0-9]{0,9})*)$/;

/** What `parseVersionPolicy` reads, for messages. */
export const VERSION_POLICY_FORMS = "aliases, latest, latest:N, all or specific:N+N…";

/** Reads `aliases`, `latest` (one), `latest:2`, `all`, `specific:3+5`; null: it is none of these. */
export function parseVersionPolicy(text: string): VersionPolicy | null {
  if (text === "aliases") return ALIASES_ONLY;
  if (text === "all") return { kind: "all" };
  const latest = LATEST.exec(text);
  if (latest !== null) return { kind: "latest", count: Number(latest[1] ?? 1) };
  const specific = SPECIFIC.exec(text);
  if (specific === null) return null;
  return { kind: "specific", versions: (specific[1] as string).split("+").map(Number) };
}
