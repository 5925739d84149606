import type { TSchema } from "@sinclair/typebox";
import { ProjectSchema } from "./project.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * The schema as a file must keep it. TypeBox leaves a record open, so that a feed named `My Feed`
 * would pass unread, and requires what has a default.
 */
export function schemaOfInput<T extends TSchema>(schema: T): T {
  return close(schema) as T;
}

function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close);
  if (typeof node !== "object" || node === null) return node;
  // Symbols too: TypeBox reads its kinds and options from them.
  const copy: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(node)) copy[key] = close((node as typeof copy)[key]);
  if (isRecord(copy)) copy["additionalProperties"] = false;
  if (Array.isArray(copy["required"])) copy["required"] = withoutDefaults(copy);
  return copy;
}

function withoutDefaults(schema: Json): readonly string[] {
  const properties = schema["properties"] as Readonly<Record<string, Json>>;
  return (schema["required"] as readonly string[]).filter(
    (key) => !("default" in (properties[key] ?? {})),
  );
}

const ANY_NAME = "^(.*)$";

function isRecord(schema: Json): boolean {
  const patterns = schema["patternProperties"];
  if (typeof patterns !== "object" || patterns === null) return false;
  return !Object.keys(patterns).includes(ANY_NAME);
}

/** The schema that project files are checked against. */
export const ProjectInputSchema: typeof ProjectSchema = schemaOfInput(ProjectSchema);

/** JSON Schema of sluice.yaml, as text: for editors. */
export function projectJsonSchema(): string {
  const head = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "sluice.yaml",
    description: "A project of Sluice: feeds, datasets, models, outlets and rules.",
  };
  const text = JSON.stringify({ ...head, ...ProjectInputSchema }, null, 2);
  return `${text.replaceAll(LIST_OF_TEXTS, (list) => list.replaceAll(/\n\s*/g, " ").replace("[ ", "[").replace(" ]", "]"))}\n`;
}

/** As the formatter would have it: on one line. */
const LIST_OF_TEXTS = /\[(\n\s*"[^"\n]*",?)+\n\s*\]/g;
