import { ApiError } from "./api-error.ts";

/** A request's query, as fastify parses it: a name given twice is an array. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** @throws ApiError 400 for names that the route does not know, and names given twice */
export function assertKnown(query: Query, names: readonly string[]): void {
  for (const [name, value] of Object.entries(query)) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? "none" : names.join(", ");
      throw new ApiError(400, `query '${name.slice(0, 64)}' is not known; there are: ${known}`);
    }
    if (typeof value !== "string") throw new ApiError(400, `query '${name}' must come once`);
  }
}

/** null when it did not come. */
export function textOf(query: Query, name: string): string | null {
  const value = query[name];
  return typeof value === "string" ? value : null;
}

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly otherwise: number;
}

/** @throws ApiError 400 */
export function integerOf(query: Query, name: string, range: IntegerRange): number {
  const text = textOf(query, name);
  if (text === null) return range.otherwise;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw new ApiError(
    400,
    `query '${name}' must be a whole number from ${range.min} to ${range.max}, got ${JSON.stringify(text.slice(0, 40))}`,
  );
}
