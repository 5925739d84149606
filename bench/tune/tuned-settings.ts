import { flagOf } from "../flag-of.ts";

/** The settings of `sluice serve` that are measured, in the order in which the search takes them. */
export const TUNED_KEYS = [
  "threads",
  "engineThreads",
  "intraOpThreads",
  "maxBatchRows",
  "inlineBudgetUs",
] as const;
export type TunedKey = (typeof TUNED_KEYS)[number];

/** One value for each; 0 has the meaning that deploy/docs/configuration.md gives it. */
export type TunedSettings = Readonly<Record<TunedKey, number>>;

/** As arguments of `sluice serve`; also what tells one combination from another. */
export function flagsOf(settings: TunedSettings): string[] {
  return TUNED_KEYS.flatMap((key) => [flagOf(key), String(settings[key])]);
}

/** `threads: 2, engineThreads: 0, …` */
export function describeSettings(settings: TunedSettings): string {
  return TUNED_KEYS.map((key) => `${key}: ${settings[key]}`).join(", ");
}

/** `threads: 2 against 1` */
export function describeChange(to: TunedSettings, from: TunedSettings): string {
  return TUNED_KEYS.filter((key) => to[key] !== from[key])
    .map((key) => `${key}: ${to[key]} against ${from[key]}`)
    .join(", ");
}
