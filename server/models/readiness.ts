/**
 * When the server takes traffic. Pure. `all`: every wanted model serves; one that was refused for good
 * does not hold up the others, but where models are wanted at least one must serve. `any`: one serves.
 * `listed`: the named ones serve, whatever else does.
 */
export const READINESS_POLICIES = ["all", "any", "listed"] as const;
export type ReadinessPolicy = (typeof READINESS_POLICIES)[number];

export interface ReadinessRule {
  readonly policy: ReadinessPolicy;
  /** For `listed`. */
  readonly models: readonly string[];
}

/** A model of which something is wanted. */
export interface ModelReadiness {
  readonly name: string;
  /** A version is ready, or all load on request. */
  readonly isServed: boolean;
  /** No version of it will ever come by itself. */
  readonly isRefused: boolean;
}

export function isEnoughServed(rule: ReadinessRule, wanted: readonly ModelReadiness[]): boolean {
  const served = wanted.filter(({ isServed }) => isServed);
  switch (rule.policy) {
    case "all": {
      const isWaiting = wanted.some(({ isServed, isRefused }) => !isServed && !isRefused);
      return !isWaiting && (wanted.length === 0 || served.length > 0);
    }
    case "any":
      return wanted.length === 0 || served.length > 0;
    case "listed":
      return rule.models.every((name) => served.some((model) => model.name === name));
  }
}
