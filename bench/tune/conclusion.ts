import type { Axis } from "./axis.ts";
import type { SearchResult } from "./search.ts";
import { lastOutcome, type SideFigures } from "./trial.ts";
import type { TunedKey } from "./tuned-settings.ts";

/** What may be said of the settings that were searched. */
export interface Conclusion {
  /** To be written: those on which the measurements gave an answer. */
  readonly settled: ReadonlyMap<TunedKey, number>;
  /** Searched without an answer: noise, or no time. */
  readonly unsettled: readonly TunedKey[];
  /** Of the chosen settings, when they were last measured; null when nothing was. */
  readonly figures: SideFigures | null;
  /** null without a limit, or a figure. */
  readonly isWithinLimit: boolean | null;
}

export function conclude(
  result: SearchResult,
  axes: readonly Axis[],
  p99LimitMs: number | null,
): Conclusion {
  const figures = chosenFigures(result);
  const isWithinLimit =
    p99LimitMs === null || figures === null ? null : figures.p99Ms <= p99LimitMs;
  const keys = axes.map(({ key }) => key);
  const settled = isWithinLimit === false ? [] : keys.filter((key) => isSettled(key, result));
  return {
    settled: new Map(settled.map((key) => [key, result.chosen[key]])),
    unsettled: keys.filter((key) => !isSettled(key, result)),
    figures,
    isWithinLimit,
  };
}

/** Whether everything was measured as it should be, and the limit kept. */
export function isRight(result: SearchResult, { isWithinLimit }: Conclusion): boolean {
  const isFaultless = result.trials.every(
    ({ verdict }) => verdict !== "failed" && verdict !== "too-noisy",
  );
  return isFaultless && result.isFinalCheckPassed && isWithinLimit !== false;
}

function isSettled(key: TunedKey, result: SearchResult): boolean {
  const { trials, isFinalCheckPassed, untried } = result;
  const verdicts = trials.filter((trial) => trial.key === key).map(({ verdict }) => verdict);
  // A gain that the last check did not see again leaves the question open.
  if (verdicts.includes("better")) return isFinalCheckPassed;
  return !verdicts.includes("too-noisy") && !untried.some((each) => each.key === key);
}

function chosenFigures({ finalCheck, isFinalCheckPassed, trials }: SearchResult) {
  if (finalCheck?.kind === "measured") {
    return isFinalCheckPassed ? finalCheck.candidate : finalCheck.best;
  }
  // No check: then the best was the start in every trial. A failed one: only the first surely was.
  const measured = trials.map(lastOutcome).filter((outcome) => outcome.kind === "measured");
  return (finalCheck === null ? measured.at(-1) : measured[0])?.best ?? null;
}
