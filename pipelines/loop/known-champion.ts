import type { Champion, ModelState } from "./snapshot.ts";

/** The champion to work with; null: there is none, or nobody knows (see ModelState.champion). */
export function knownChampion(state: ModelState | null | undefined): Champion | null {
  const champion = state?.champion ?? null;
  return champion === "unknown" ? null : champion;
}
