import type { CaseAnswer } from "./serve-cases.ts";

/** Where a case ends; the rows of deploy/docs/conformance.md, in its order. */
export const OUTCOMES = {
  passed: "right in JSON and in binary",
  locale: "refused where the system lacks the locale en_US.UTF-8, which the runtime then needs",
  random: "random by design: served and answered, values not compared",
  runtime: "served; the runtime itself answers otherwise than the case expects, or not at all",
  unloadable: "refused: the runtime cannot load the model or has no implementation for its types",
  domain: "refused: an operator of a domain that is not allowed",
  types: "refused: sequences, optional values or maps where this server takes tensors",
} as const;

export type Outcome = keyof typeof OUTCOMES;

/** A case that the server gets wrong or refuses without one of the reasons above. */
export interface Miss {
  readonly name: string;
  readonly what: string;
}

/** Draws differ from run to run. */
const RANDOM: ReadonlySet<string> = new Set([
  "test_bernoulli",
  "test_bernoulli_double",
  "test_bernoulli_double_expanded",
  "test_bernoulli_expanded",
  "test_bernoulli_seed",
  "test_bernoulli_seed_expanded",
  "test_training_dropout",
  "test_training_dropout_default",
  "test_training_dropout_default_mask",
  "test_training_dropout_mask",
]);

/** What the server says of what it refuses, by outcome. */
const REFUSALS: readonly (readonly [Outcome, RegExp])[] = [
  ["domain", /^operator \S+ is of a domain that is not allowed; allowed: /],
  ["locale", /^the runtime cannot load it: .*Failed to construct locale with name:en_US/],
  ["unloadable", /^the runtime cannot load it: \S/],
  ["types", /; only tensors can be served$/],
];

/**
 * @param runtime what the runtime itself makes of the case: null for right; asked only where needed
 * @returns the outcome, or what is wrong with the server
 */
export async function judgeCase(
  name: string,
  answer: CaseAnswer,
  runtime: () => Promise<string | null>,
): Promise<Outcome | Miss> {
  if (answer.kind === "refused") return judgeRefusal(name, answer.reason, runtime);
  const { json, binary } = answer.wrong;
  if (RANDOM.has(name)) return "random";
  if (json === null && binary === null) return "passed";
  if ((await runtime()) !== null) return "runtime";
  return { name, what: `JSON: ${json ?? "right"}; binary: ${binary ?? "right"}` };
}

async function judgeRefusal(
  name: string,
  reason: string,
  runtime: () => Promise<string | null>,
): Promise<Outcome | Miss> {
  const outcome = REFUSALS.find(([, pattern]) => pattern.test(reason))?.[0];
  if (outcome === undefined) return { name, what: `refused without a known reason: ${reason}` };
  // Domains and types are ours to allow; all else that the runtime can do, the server must.
  if (outcome !== "domain" && outcome !== "types" && (await runtime()) === null) {
    return { name, what: `refused, though the runtime gets it right: ${reason}` };
  }
  return outcome;
}
