import { buildLoadGenerator } from "../native/build-load-generator.ts";
import type { Generator, GeneratorChoice, GeneratorKind, ShowTotals } from "./generator.ts";
import type { LoadPlan, Protocol } from "./load-plan.ts";
import { NativeGenerator } from "./native-generator.ts";
import { explainUnspoken } from "./native-plan.ts";
import { ScriptGenerator } from "./script-generator.ts";

/** What makes the load of a plan. */
export interface ChosenGenerator {
  readonly kind: GeneratorKind;
  /** Why `auto` did without the native one, which could have driven the plan; else null. */
  readonly reason: string | null;
  /** @param part of the plan */
  start(part: LoadPlan, showTotals: ShowTotals): Generator;
}

/**
 * Builds what loads will ask for: later it would be built on the generator's cores alone, and beside
 * what is measured.
 * @param protocols of all loads; null: any
 */
export async function prepareGenerator(
  choice: GeneratorChoice,
  protocols: readonly Protocol[] | null,
): Promise<void> {
  const mayAsk = protocols === null || protocols.some((protocol) => protocol !== "grpc");
  if (choice !== "script" && mayAsk) await buildLoadGenerator();
}

/**
 * What both loads of a pair are made by: the two generators take different times, which a ratio of
 * latencies would show as the servers'.
 */
export function generatorOfPair(ours: LoadPlan, theirs: LoadPlan): GeneratorChoice {
  const isUnspoken = [ours, theirs].some((plan) => explainUnspoken(plan) !== null);
  return ours.generator === "auto" && isUnspoken ? "script" : ours.generator;
}

/** @throws Error with the reason when the plan insists on the native one and it cannot be had */
export async function chooseGenerator(plan: LoadPlan): Promise<ChosenGenerator> {
  if (plan.generator === "script") return script(null);
  const unspoken = explainUnspoken(plan);
  const { file, reason } =
    unspoken === null ? await buildLoadGenerator() : { file: null, reason: unspoken };
  if (file !== null) return native(file);
  if (plan.generator === "native") throw new Error(`--generator native: ${reason}`);
  return script(unspoken === null ? reason : null);
}

function native(file: string): ChosenGenerator {
  const start = (part: LoadPlan, showTotals: ShowTotals) =>
    new NativeGenerator(file, part, showTotals);
  return { kind: "native", reason: null, start };
}

function script(reason: string | null): ChosenGenerator {
  const start = (part: LoadPlan, showTotals: ShowTotals) => new ScriptGenerator(part, showTotals);
  return { kind: "script", reason, start };
}
