import { parseIndex, serializeDocument } from "../../protocols/repository/documents.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { TritonVersionPolicy } from "../../protocols/repository/triton/model-config.ts";
import type { WantedModel, WantedSet } from "../models/source.ts";
import { toWantedSet } from "./wanted-set.ts";

/**
 * The last reading of a repository without an index, as it is kept for a start without the repository:
 * an index, so that one reader checks both, and the policies that an index has no word for.
 */
export function serializePlainSet(set: WantedSet): Uint8Array {
  const policies = [...set.models.values()].map(({ name, versionPolicy }) => [name, versionPolicy]);
  const index = new TextDecoder().decode(serializeDocument(toIndex(set)));
  return new TextEncoder().encode(JSON.stringify({ index, policies }));
}

/** null: it is something else. A model whose policy cannot be read is left out, which means "unknown". */
export function parsePlainSet(bytes: Uint8Array): WantedSet | null {
  try {
    const { index, policies } = JSON.parse(new TextDecoder().decode(bytes));
    const set = toWantedSet(parseIndex(new TextEncoder().encode(index)));
    const policyOf = new Map<string, unknown>(policies);
    const models = new Map<string, WantedModel>();
    for (const [name, model] of set.models) {
      const versionPolicy = policyOf.get(name);
      if (isPolicy(versionPolicy)) models.set(name, { ...model, versionPolicy });
    }
    return models.size === 0 ? null : { ...set, models };
  } catch {
    return null;
  }
}

export function isPolicy(value: unknown): value is TritonVersionPolicy {
  if (typeof value !== "object" || value === null) return false;
  const { kind, count, versions } = value as Record<string, unknown>;
  if (kind === "all") return true;
  if (kind === "latest") return Number.isSafeInteger(count) && (count as number) > 0;
  return kind === "specific" && Array.isArray(versions) && versions.every(Number.isSafeInteger);
}

/** Without aliases: which version is the champion follows from the policy. */
function toIndex({ generation, models }: WantedSet): RepositoryIndex {
  const entries = [...models.values()].map(({ name, versions }) => [
    name,
    {
      versions: Object.fromEntries(
        [...versions].map(([number, manifestSha256]) => [number, { manifestSha256 }]),
      ),
      aliases: {},
    },
  ]);
  return { schemaVersion: 1, generation, models: Object.fromEntries(entries), removed: [] };
}
