import { kindsOf, propertiesOf, type Schema } from "./pick-branch.ts";
import { ColumnContractSchema } from "./project.ts";
import { ProjectInputSchema } from "./project-schema.ts";

/** One table: the keys of one mapping of sluice.yaml. */
interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Key, value, default, meaning. */
type Row = readonly [string, string, string, string];

const HEAD: Row = ["key", "value", "default", "meaning"];
/** Its schema says "any value", because null lifts a bound there. */
const COLUMN_TITLE = "`datasets.NAME.contract.columns.COLUMN`";

/**
 * The Markdown tables of deploy/docs/project-file.md: every key of sluice.yaml, one table a mapping,
 * laid out as the formatter would.
 */
export function projectFileTables(): string {
  return [
    ...sectionsOf("The file", "", asData(ProjectInputSchema)),
    ...sectionsOf(COLUMN_TITLE, "", asData(ColumnContractSchema)),
  ]
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, rows }) => `\n## ${title}\n\n${layOut([HEAD, ...rows])}\n`)
    .join("");
}

function asData(schema: object): Schema {
  return schema as Schema;
}

/** A mapping's own table, and after it those of what has tables of its own. */
function sectionsOf(title: string, path: string, mapping: Schema): Section[] {
  const { rows, others } = describeMapping({ prefix: "", path, within: null }, mapping);
  return [{ title, rows }, ...others];
}

/** Where a mapping stands. */
interface Place {
  /** Of its keys in the table. */
  readonly prefix: string;
  /** From the top of the file. */
  readonly path: string;
  /** The key that may be left out together with all that is in it; null: none. */
  readonly within: string | null;
}

interface Described {
  readonly rows: readonly Row[];
  readonly others: readonly Section[];
}

function describeMapping(place: Place, mapping: Schema): Described {
  const required = (mapping["required"] as readonly string[] | undefined) ?? [];
  const parts = Object.entries(propertiesOf(mapping))
    .filter(([key, { const: only }]) => key !== "kind" || only === undefined)
    .map(([key, schema]) => describeKey(key, schema, required.includes(key), place));
  return {
    rows: parts.flatMap(({ rows }) => rows),
    others: parts.flatMap(({ others }) => others),
  };
}

function describeKey(key: string, schema: Schema, isRequired: boolean, place: Place): Described {
  const name = `${place.prefix}${key}`;
  const path = `${place.path}${key}`;
  const meaning = String(schema["description"] ?? "");
  const row = (value: string): Row => {
    const needed = place.within === null ? "required" : `required with \`${place.within}\``;
    return [`\`${name}\``, value, defaultOf(schema) ?? (isRequired ? needed : "–"), meaning];
  };
  const inner = innerOf(schema);
  if (inner === null) return { rows: [row(describeValue(schema))], others: [] };
  const { item, kinds, suffix, noun } = inner;
  if (kinds !== null) {
    const value = `${noun}kind ${either(kinds.map(quote))}: see below`;
    return { rows: [row(value)], others: sectionsOfKinds(item, kinds, `${path}${suffix}`) };
  }
  if (!inner.isInPlace) {
    const others = sectionsOf(quote(`${path}${suffix}`), `${path}${suffix}.`, item);
    return { rows: [row(`${noun}: see below`)], others };
  }
  const within = isRequired ? place.within : name;
  const described = describeMapping(
    { prefix: `${name}${suffix}.`, path: `${path}${suffix}.`, within },
    item,
  );
  const own = meaning === "" ? [] : [row(noun)];
  return { rows: [...own, ...described.rows], others: described.others };
}

function sectionsOfKinds(union: Schema, kinds: readonly string[], path: string): Section[] {
  return (union["anyOf"] as readonly Schema[]).flatMap((branch, index) =>
    sectionsOf(`${quote(path)}, kind ${quote(kinds[index] ?? "")}`, `${path}.`, branch),
  );
}

/** The mapping, or the union of mappings, that a value consists of. */
interface Inner {
  readonly item: Schema;
  /** null: one mapping. */
  readonly kinds: readonly string[] | null;
  /** What stands in the path for one of many. */
  readonly suffix: string;
  readonly noun: string;
  /** Its keys stand in the table of its owner. */
  readonly isInPlace: boolean;
}

/** null for a plain value. */
function innerOf(schema: Schema): Inner | null {
  const record = recordValue(schema);
  if (record !== null) return innerOfMany(record, ".NAME", "by name");
  if (schema["type"] === "array") {
    return innerOfMany(schema["items"] as Schema, "[]", "a list");
  }
  const kinds = kindsOf((schema["anyOf"] as readonly Schema[] | undefined) ?? []);
  const isMapping = "properties" in schema;
  if (!isMapping && (kinds === null || kinds.length === 0)) return null;
  return {
    item: schema,
    kinds: isMapping ? null : kinds,
    suffix: "",
    noun: isMapping ? "a mapping" : "",
    isInPlace: isMapping,
  };
}

function innerOfMany(item: Schema, suffix: string, noun: string): Inner | null {
  const one = innerOf(item);
  if (one === null || one.suffix !== "") return null;
  const isFlat = Object.values(propertiesOf(item)).every((value) => innerOf(value) === null);
  return {
    ...one,
    suffix,
    noun: one.kinds === null ? noun : `${noun}, each of `,
    isInPlace: isFlat && suffix === "[]",
  };
}

function recordValue(schema: Schema): Schema | null {
  const patterns = schema["patternProperties"] as Readonly<Record<string, Schema>> | undefined;
  return Object.values(patterns ?? {})[0] ?? null;
}

function defaultOf(schema: Schema): string | null {
  return "default" in schema ? quote(JSON.stringify(schema["default"])) : null;
}

/** What may stand there, in words. */
function describeValue(schema: Schema): string {
  const union = schema["anyOf"] as readonly Schema[] | undefined;
  if ("const" in schema) return quote(String(schema["const"]));
  if (union !== undefined) return either(union.map(describeBranch));
  const record = recordValue(schema);
  if (record !== null)
    return recordValue(record) === null
      ? `by name: ${describeValue(record)}`
      : "by column: see below";
  switch (schema["type"]) {
    case "string":
      return describeText(schema);
    case "integer":
      return `a whole number${boundsOf(schema)}`;
    case "number":
      return `a number${boundsOf(schema)}`;
    case "boolean":
      return "true or false";
    case "array":
      return `a list of ${describeValue(schema["items"] as Schema).replace(/^a /, "")}s`;
    default:
      return "any value";
  }
}

function describeBranch(branch: Schema): string {
  if ("const" in branch) return describeValue(branch);
  const keys = Object.entries(propertiesOf(branch)).map(([key, value]) => {
    if ("const" in value) return `${key}: ${String(value["const"])}`;
    return `${key}: ${value["type"] === "integer" ? "N" : "…"}`;
  });
  return quote(`{${keys.join(", ")}}`);
}

function describeText({ pattern }: Schema): string {
  if (pattern === undefined) return "a text";
  return pattern === "^https?://" ? "a URL" : "a name";
}

const BOUNDS = [
  ["exclusiveMinimum", "above"],
  ["minimum", "at least"],
  ["exclusiveMaximum", "below"],
  ["maximum", "at most"],
] as const;

function boundsOf(schema: Schema): string {
  const texts = BOUNDS.flatMap(([key, word]) => (key in schema ? [`${word} ${schema[key]}`] : []));
  return texts.length === 0 ? "" : `, ${texts.join(", ")}`;
}

function either(texts: readonly string[]): string {
  const last = texts.at(-1) ?? "";
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(", ")} or ${last}`;
}

function quote(text: string): string {
  return `\`${text}\``;
}

function layOut(rows: readonly Row[]): string {
  const widths = HEAD.map((_, at) => Math.max(3, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => (cells[at] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(HEAD), line(rule), ...rows.slice(1).map(line)].join("\n");
}
