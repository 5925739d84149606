import { InvalidArgumentError } from "commander";

/** Parsers of single values for commander, which names the flag. All throw InvalidArgumentError. */

export function parsePositiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("expected a whole number above 0.");
}

export function parsePositive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("expected a number above 0.");
}

export function parseNotNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected a number, 0 or above.");
}

/** A list split at commas, each name once. */
export function parseNames(text: string): string[] {
  return [...new Set(text.split(",").map((name) => name.trim()))].filter((name) => name !== "");
}

/** Parses a list split at commas, of `known` names; gives them in the order of `known`. */
export function parseListOf<T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim());
    const foreign = names.find((name) => !known.some((each) => each === name));
    if (foreign === undefined) return known.filter((each) => names.includes(each));
    throw new InvalidArgumentError(`expected a list of ${known.join(",")}, got '${foreign}'.`);
  };
}

/** `x=1,4` added to the shapes before it; `x=` is a scalar. */
export function addShape(
  text: string,
  before: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const match = /^(.+)=(\d+(?:,\d+)*)?$/.exec(text);
  const name = match?.[1];
  if (name === undefined) throw new InvalidArgumentError("expected input=dim,dim; e.g. x=1,4.");
  const dims = match?.[2] === undefined ? [] : match[2].split(",").map(Number);
  return new Map(before).set(name, dims);
}
