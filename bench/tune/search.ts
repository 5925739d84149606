import { type Axis, fitsMachine } from "./axis.ts";
import { judgeCandidate } from "./judge.ts";
import type { Outcome, Trial, Verdict } from "./trial.ts";
import { flagsOf, type TunedKey, type TunedSettings } from "./tuned-settings.ts";

/** What the search may do to the world. */
export interface Lab {
  /** Measures both in interleaved pairs. Rejects when the best itself cannot be measured. */
  compare(candidate: TunedSettings, best: TunedSettings): Promise<Outcome>;
  /** False when another trial, its confirmation and the last check would not fit any more. */
  hasTime(): boolean;
}

export interface SearchGoal {
  readonly axes: readonly Axis[];
  readonly start: TunedSettings;
  readonly cores: number;
  /** null: requests per second alone decide. */
  readonly p99LimitMs: number | null;
}

/** The next steps that there was no time for; what would have come after them hung on those. */
export interface Untried {
  readonly key: TunedKey;
  readonly values: readonly number[];
}

export interface SearchResult {
  readonly start: TunedSettings;
  readonly chosen: TunedSettings;
  readonly trials: readonly Trial[];
  /** What was found against the start; null when nothing was found. */
  readonly finalCheck: Outcome | null;
  /** False when the last check did not confirm what was found: then the start is chosen. */
  readonly isFinalCheckPassed: boolean;
  readonly untried: readonly Untried[];
}

/**
 * A coordinate search from the start: one setting at a time, along its arms; a candidate replaces the
 * best when it is clearly better twice, in pairs of their own. Goes round until no setting brings
 * anything more. What was found must at last be clearly better than the start, or the start stays.
 */
export async function searchSettings(goal: SearchGoal, lab: Lab): Promise<SearchResult> {
  const search = new Search(goal, lab);
  await search.run();
  return search.conclude();
}

class Search {
  readonly #goal: SearchGoal;
  readonly #lab: Lab;
  readonly #trials: Trial[] = [];
  /** Next steps for which there was no time. */
  readonly #missed: Pick<Trial, "key" | "to">[] = [];
  /** Combinations that were the best or lost to it; the best only gets better. */
  readonly #seen: Set<string>;
  #best: TunedSettings;

  constructor(goal: SearchGoal, lab: Lab) {
    this.#goal = goal;
    this.#lab = lab;
    this.#best = goal.start;
    this.#seen = new Set([idOf(goal.start)]);
  }

  async run(): Promise<void> {
    const { axes } = this.#goal;
    let inVain = 0;
    for (let i = 0; axes.length > 0 && inVain < axes.length; i += 1) {
      const axis = axes[i % axes.length];
      if (axis === undefined) return;
      const before = this.#best;
      await this.#follow(axis);
      inVain = this.#best === before ? inVain + 1 : 0;
    }
  }

  async conclude(): Promise<SearchResult> {
    const { start, p99LimitMs } = this.#goal;
    const found = this.#best;
    const isFound = found !== start;
    const finalCheck = isFound ? await this.#lab.compare(found, start) : null;
    const isFinalCheckPassed =
      finalCheck === null || judgeCandidate(finalCheck, p99LimitMs) === "better";
    const chosen = isFinalCheckPassed ? found : start;
    const trials = this.#trials;
    return { start, chosen, trials, finalCheck, isFinalCheckPassed, untried: this.#untried() };
  }

  async #follow(axis: Axis): Promise<void> {
    for (const arm of axis.arms.flatMap((each) => fromHere(each, this.#best[axis.key]))) {
      for (const value of arm) {
        if ((await this.#try(axis.key, value)) !== "better") break;
      }
    }
  }

  /** null: it does not fit, is known to be no better, or there is no time. */
  async #try(key: TunedKey, to: number): Promise<Verdict | null> {
    const from = this.#best[key];
    const settings = { ...this.#best, [key]: to };
    if (this.#seen.has(idOf(settings)) || !fitsMachine(settings, this.#goal.cores)) return null;
    if (!this.#lab.hasTime()) {
      this.#missed.push({ key, to });
      return null;
    }
    this.#seen.add(idOf(settings));
    const trial = await this.#compare(settings);
    this.#trials.push({ key, from, to, settings, ...trial });
    if (trial.verdict === "better") this.#best = settings;
    return trial.verdict;
  }

  async #compare(settings: TunedSettings): Promise<Pick<Trial, "first" | "second" | "verdict">> {
    const { p99LimitMs } = this.#goal;
    const first = await this.#lab.compare(settings, this.#best);
    const verdict = judgeCandidate(first, p99LimitMs);
    if (verdict !== "better") return { first, second: null, verdict };
    const second = await this.#lab.compare(settings, this.#best);
    const again = judgeCandidate(second, p99LimitMs);
    return { first, second, verdict: again === "not-better" ? "unconfirmed" : again };
  }

  /** What a later round would have tried again does not count. */
  #untried(): Untried[] {
    const wasTried = (key: TunedKey, to: number) =>
      this.#trials.some((trial) => trial.key === key && trial.to === to);
    return this.#goal.axes.flatMap(({ key }) => {
      const own = this.#missed.filter((each) => each.key === key && !wasTried(key, each.to));
      const values = [...new Set(own.map(({ to }) => to))];
      return values.length === 0 ? [] : [{ key, values }];
    });
  }
}

/** An arm on which the best stands already, in a later round, leads both ways from there. */
function fromHere(arm: readonly number[], value: number): (readonly number[])[] {
  const at = arm.indexOf(value);
  return at === -1 ? [arm] : [arm.slice(at + 1), arm.slice(0, at).toReversed()];
}

function idOf(settings: TunedSettings): string {
  return flagsOf(settings).join(" ");
}
