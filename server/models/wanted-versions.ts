import { DEFAULT_ALIAS, PREVIOUS_ALIAS } from "../../protocols/core/names.ts";
import type { WantedModel, WantedSet } from "./source.ts";
import { selectVersions, type VersionPolicy } from "./version-policy.ts";

/**
 * The pure decisions of the control path: which aliases lead where now, and what is surplus. Which
 * versions should be loaded: version-policy.ts. No clocks, no effects.
 */

/**
 * The model with the alias that a request without a version needs: where the repository names no
 * champion and the policy selects versions by their number, the highest of them is the champion, as
 * in Triton and TensorFlow Serving.
 */
export function withDefaultAlias(model: WantedModel, policy: VersionPolicy): WantedModel {
  if (model.aliases.has(DEFAULT_ALIAS) || policy.kind === "aliases") return model;
  const selected = selectVersions({ ...model, aliases: new Map() }, policy);
  if (selected.length === 0) return model;
  const aliases = new Map([...model.aliases, [DEFAULT_ALIAS, Math.max(...selected)] as const]);
  return { ...model, aliases };
}

/**
 * Where each alias leads: to its target once that is ready, until then to where it led before (make
 * before break). An alias that never led anywhere stays out, but for the champion: after a restart
 * the version before it serves while the new one is not there, or was refused. One that loads on
 * request has no stand-in: asking for it must bring it, not another.
 * @param lastChampion what the champion led to last, where that may stand in; null: only `previous`
 */
export function effectiveAliases(
  model: Pick<WantedModel, "aliases">,
  before: ReadonlyMap<string, number>,
  isReady: (version: number) => boolean,
  isOnRequest: (version: number) => boolean = () => false,
  lastChampion: number | null = null,
): ReadonlyMap<string, number> {
  const aliases = new Map<string, number>();
  for (const [alias, target] of model.aliases) {
    const old = before.get(alias);
    if (isReady(target)) aliases.set(alias, target);
    else if (old !== undefined && isReady(old)) aliases.set(alias, old);
  }
  const champion = model.aliases.get(DEFAULT_ALIAS);
  if (aliases.has(DEFAULT_ALIAS) || champion === undefined || isOnRequest(champion)) return aliases;
  const standIn = [model.aliases.get(PREVIOUS_ALIAS), lastChampion ?? undefined].find(
    (version) => version !== undefined && isReady(version),
  );
  if (standIn !== undefined) aliases.set(DEFAULT_ALIAS, standIn);
  return aliases;
}

/** Ready versions that nothing wants or leads to any more. */
export function surplusVersions(
  wanted: readonly number[],
  aliases: ReadonlyMap<string, number>,
  ready: readonly number[],
): readonly number[] {
  const kept = new Set([...wanted, ...aliases.values()]);
  return ready.filter((version) => !kept.has(version));
}

/**
 * Joins a new reading with what was wanted: a model that the index no longer names is kept unless it
 * was removed on purpose (an absent name means "unknown").
 */
export function mergeWanted(
  before: ReadonlyMap<string, WantedModel>,
  set: WantedSet,
): ReadonlyMap<string, WantedModel> {
  const merged = new Map<string, WantedModel>();
  for (const [name, model] of before) if (!set.removed.has(name)) merged.set(name, model);
  for (const [name, model] of set.models) merged.set(name, model);
  return merged;
}
