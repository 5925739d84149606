import type { LoadResult } from "../load-result.ts";
import type { ScenarioResult } from "./scenario.ts";

/** One scenario as it is reported. */
export interface ScenarioReport extends ScenarioResult {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly bar: string | null;
  /** Every load of it, in the order it ran. */
  readonly runs: readonly LoadResult[];
  /** Why there are no figures; null when it went well. */
  readonly failure: string | null;
  readonly seconds: number;
}
