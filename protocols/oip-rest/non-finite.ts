import type { Parameters } from "../core/infer.ts";
import { describeJson, invalid, quote } from "./invalid.ts";

/**
 * How JSON carries NaN and the infinities of a float tensor, for which it has no form (RFC 8259 §6).
 * The same both ways: what an answer may hold, a request may hold. `token` is Triton's: NaN, Infinity
 * and -Infinity bare, which strict parsers refuse.
 */
export const JSON_NON_FINITE = ["reject", "null", "string", "token"] as const;
export type JsonNonFinite = (typeof JSON_NON_FINITE)[number];

/** The request parameter that takes the setting's place. */
export const JSON_NON_FINITE_PARAMETER = "json_non_finite";

/** @throws InferError `invalid-argument` for a parameter that is none of the four */
export function nonFiniteOf(parameters: Parameters, byDefault: JsonNonFinite): JsonNonFinite {
  if (parameters.size === 0) return byDefault;
  const asked = parameters.get(JSON_NON_FINITE_PARAMETER);
  if (asked === undefined) return byDefault;
  const known = JSON_NON_FINITE.find((each) => each === asked);
  if (known !== undefined) return known;
  const came = typeof asked === "string" ? quote(asked) : describeJson(asked);
  throw invalid(
    `parameter '${JSON_NON_FINITE_PARAMETER}' must be one of ${JSON_NON_FINITE.join(", ")}, got ${came}`,
  );
}

const WORDS: readonly (readonly [string, number])[] = [
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
];

/** A form of a value in a text. */
export interface NonFiniteForm {
  readonly text: string;
  readonly value: number;
}

const TOKENS: readonly NonFiniteForm[] = WORDS.map(([text, value]) => ({ text, value }));
const STRINGS: readonly NonFiniteForm[] = WORDS.map(([word, value]) => ({
  text: `"${word}"`,
  value,
}));
const NULLS: readonly NonFiniteForm[] = [{ text: "null", value: Number.NaN }];

/** What stands for a value that is not finite; `null` reads as NaN. */
export const NON_FINITE_FORMS: Readonly<Record<JsonNonFinite, readonly NonFiniteForm[]>> = {
  reject: [],
  null: NULLS,
  string: STRINGS,
  token: TOKENS,
};

/** Of an answer, whose server chose the form. */
export const ALL_NON_FINITE_FORMS: readonly NonFiniteForm[] = [...NULLS, ...STRINGS, ...TOKENS];
