import { matchesGlob } from "../access/glob.ts";
import { parseSwapPolicy, SWAP_POLICIES, type SwapPolicy } from "../models/swap-policy.ts";
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
  readonly swapPolicy: ByModel<SwapPolicy>;
  readonly isPinned: ByModel<boolean>;
}

/** @throws ConfigError naming the entry that cannot be read */
export function readModelPolicies(
  config: Pick<Config, "versionPolicy" | "swapPolicy" | "pinModels">,
): ModelPolicies {
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
    swapPolicy: readByModel(
      {
        key: "swapPolicy",
        forms: SWAP_POLICIES.join(" or "),
        parse: parseSwapPolicy,
        otherwise: "availability",
      },
      config.swapPolicy,
    ),
    isPinned: (model) => config.pinModels.some((glob) => matchesGlob(glob, model)),
  };
}
