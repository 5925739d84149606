import { planCandidates } from "./plan-candidate.ts";
import { planChecks } from "./plan-check.ts";
import { planCollect } from "./plan-collect.ts";
import { planObserves } from "./plan-observe.ts";
import { planPulls } from "./plan-pull.ts";
import { planScores } from "./plan-score.ts";
import { planTrainings } from "./plan-train.ts";
import type { Plan, PlannedRun, Refusal, Withheld } from "./planned-run.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * What is due now, and why; pure. The order is the order of starting: what is nearly done comes
 * first, what brings more work last.
 */
export function plan(snapshot: Snapshot): Plan {
  const all: (PlannedRun | Withheld | Refusal)[] = [
    ...planCandidates(snapshot),
    ...planCollect(snapshot),
    ...planObserves(snapshot),
    ...planChecks(snapshot),
    ...planScores(snapshot),
    ...planTrainings(snapshot),
    ...planPulls(snapshot),
  ];
  return {
    runs: all.filter((each): each is PlannedRun => "kind" in each),
    withheld: all.filter((each): each is Withheld => !("kind" in each || "candidateId" in each)),
    refusals: all.filter((each): each is Refusal => "candidateId" in each),
  };
}
