import { JobError } from "../jobs/job-error.ts";

/** Members of a JSON object that somebody else wrote; each is checked where it is read. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function objectOf(parent: JsonObject, name: string, where: string): JsonObject {
  const member = parent[name];
  if (typeof member === "object" && member !== null && !Array.isArray(member)) {
    return member as JsonObject;
  }
  throw new JobError(`model.json: expected an object '${name}' in ${where}`);
}

export function textOf(parent: JsonObject, name: string, where: string): string {
  const member = parent[name];
  if (typeof member === "string") return member;
  throw new JobError(`model.json: expected a text '${name}' in ${where}`);
}

/** XGBoost writes the numbers of its parameters as texts; absent reads as 0. */
export function countOf(parent: JsonObject, name: string, where: string): number {
  const count = Number(parent[name] ?? 0);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new JobError(`model.json: expected a count '${name}' in ${where}`);
}

/** A list of finite numbers; true and false, as some versions write flags, read as 1 and 0. */
export function numbersOf(parent: JsonObject, name: string, where: string): number[] {
  const member = parent[name];
  if (!Array.isArray(member)) {
    throw new JobError(`model.json: expected a list '${name}' in ${where}`);
  }
  return member.map((item: unknown) => {
    const value = typeof item === "boolean" ? Number(item) : item;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw new JobError(`model.json: expected numbers in '${name}' of ${where}`);
  });
}
