import { pickBranch, propertiesOf, type Schema } from "./pick-branch.ts";

/**
 * A copy of a value that its schema accepts, with every default filled in. ajv leaves out those
 * inside of unions, and TypeBox those inside of records.
 */
export function fillDefaults(schema: Schema, value: unknown): unknown {
  const branches = schema["anyOf"];
  if (Array.isArray(branches)) {
    const branch = (branches as Schema[])[pickBranch(branches as Schema[], value)];
    return branch === undefined ? value : fillDefaults(branch, value);
  }
  if (Array.isArray(value)) {
    const items = (schema["items"] as Schema | undefined) ?? {};
    return value.map((item) => fillDefaults(items, item));
  }
  if (typeof value !== "object" || value === null) return value;
  return fillMapping(schema, value as Readonly<Record<string, unknown>>);
}

function fillMapping(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const properties = propertiesOf(schema);
  const filled: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    filled[key] = fillDefaults(properties[key] ?? recordValueOf(schema), inner);
  }
  for (const [key, property] of Object.entries(properties)) {
    if (filled[key] !== undefined || !("default" in property)) continue;
    filled[key] = fillDefaults(property, structuredClone(property["default"]));
  }
  return filled;
}

/** A record has one schema for all its values. */
function recordValueOf(schema: Schema): Schema {
  const patterns = schema["patternProperties"] as Readonly<Record<string, Schema>> | undefined;
  return Object.values(patterns ?? {})[0] ?? {};
}
