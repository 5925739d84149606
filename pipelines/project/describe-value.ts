const MAX_SHOWN = 40;

/**
 * What came, in words for an error. Texts that may hold a secret (long ones, and URLs) are not
 * repeated.
 */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value !== "string") return String(value);
  if (value.length > MAX_SHOWN || value.includes("://")) return "a text";
  return JSON.stringify(value);
}

type Schema = Readonly<Record<string, unknown>>;

/** What a schema asks for, in words for an error. */
export function describeSchema(schema: Schema): string {
  if ("const" in schema) return String(schema["const"]);
  if (Array.isArray(schema["anyOf"])) return describeUnion(schema["anyOf"] as Schema[]);
  switch (schema["type"]) {
    case "integer":
      return `a whole number${describeBounds(schema)}`;
    case "number":
      return `a number${describeBounds(schema)}`;
    case "string":
      return describeText(schema);
    case "boolean":
      return "true or false";
    case "array":
      return schema["minItems"] === undefined ? "a list" : "a list that is not empty";
    default:
      return "a mapping";
  }
}

function describeUnion(branches: readonly Schema[]): string {
  const isMappings = branches.every(({ type }) => type === "object");
  if (!isMappings) return `one of ${branches.map(describeSchema).join(", ")}`;
  return branches.map((each) => `{${requiredOf(each).join(", ")}}`).join(" or ");
}

function requiredOf(schema: Schema): readonly string[] {
  return (schema["required"] as readonly string[] | undefined) ?? [];
}

function describeText(schema: Schema): string {
  if (schema["pattern"] !== undefined) return `a text like ${schema["pattern"]}`;
  return schema["minLength"] === undefined ? "a text" : "a text that is not empty";
}

function describeBounds(schema: Schema): string {
  const bounds = (
    [
      ["exclusiveMinimum", "above"],
      ["minimum", "at least"],
      ["exclusiveMaximum", "below"],
      ["maximum", "at most"],
    ] as const
  ).flatMap(([key, word]) => (schema[key] === undefined ? [] : [`${word} ${schema[key]}`]));
  return bounds.length === 0 ? "" : ` ${bounds.join(", ")}`;
}
