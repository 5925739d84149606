import {
  ALIASES_ONLY,
  parseVersionPolicy,
  VERSION_POLICY_FORMS,
  type VersionPolicy,
} from "../models/version-policy.ts";
import { type ByModel, readByModel } from "./by-model.ts";
import type { Config } from "./config.ts";

/** What may differ by model. */
export interface ModelPolicies {
  readonly versionPolicy: ByModel<VersionPolicy>;
}

/** @throws ConfigError naming the entry that cannot be read */
export function readModelPolicies(config: Pick<Config, "versionPolicy">): ModelPolicies {
  return {
    versionPolicy: readByModel(
      {
        key: "versionPolicy",
        forms: VERSION_POLICY_FORMS,
        parse: parseVersionPolicy,
        otherwise: ALIASES_ONLY,
      },
      config.versionPolicy,
    ),
  };
}
