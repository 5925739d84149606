import type { TSchema } from "@sinclair/typebox";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { didYouMean } from "../../server/lib/nearest-name.ts";
import { describeSchema, describeValue } from "./describe-value.ts";
import { kindsOf, pickBranch, propertiesOf, type Schema } from "./pick-branch.ts";
import type { ProjectPath, ProjectProblem } from "./problem.ts";

const ajv = new Ajv({ strict: false, allErrors: true, verbose: true });
const compiled = new WeakMap<TSchema, ValidateFunction>();

/**
 * Everything that is wrong with a value, one problem a place.
 * @param path of the value in its document
 */
export function findSchemaProblems(
  schema: TSchema,
  value: unknown,
  path: ProjectPath = [],
): readonly ProjectProblem[] {
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  const ignored = errors.flatMap(otherBranches);
  return errors
    .filter((error) => !isUnder(error, ignored) && !(error.keyword === "anyOf" && hasPick(error)))
    .map((error) => describe(error, [...path, ...pathOf(error.instancePath, value)]));
}

/** A branch of a union, at one place of the value. */
interface Branch {
  readonly instancePath: string;
  readonly schemaPath: string;
}

/**
 * Of a union that nothing fitted, only the branch that was meant tells something: the errors of the
 * others are left out, all of them where none can be told.
 */
function otherBranches(error: ErrorObject): readonly Branch[] {
  if (error.keyword !== "anyOf") return [];
  const { instancePath } = error;
  const branches = error.schema as Schema[];
  const pick = pickBranch(branches, error.data);
  return branches.flatMap((_, index) =>
    index === pick ? [] : [{ instancePath, schemaPath: `${error.schemaPath}/${index}/` }],
  );
}

function hasPick(error: ErrorObject): boolean {
  return pickBranch(error.schema as Schema[], error.data) >= 0;
}

function isUnder({ instancePath, schemaPath }: ErrorObject, branches: readonly Branch[]): boolean {
  return branches.some(
    (branch) =>
      schemaPath.startsWith(branch.schemaPath) &&
      `${instancePath}/`.startsWith(`${branch.instancePath}/`),
  );
}

function describe(error: ErrorObject, path: ProjectPath): ProjectProblem {
  const parent = error.parentSchema as Schema;
  switch (error.keyword) {
    case "required": {
      const key = String(error.params["missingProperty"]);
      const property = propertiesOf(parent)[key] ?? {};
      const text = `expected ${describeSchema(property)}, came nothing`;
      return { path: [...path, key], isAboutKey: false, text };
    }
    case "additionalProperties":
      return describeUnknownKey(parent, path, String(error.params["additionalProperty"]));
    case "anyOf":
      return describeNoBranch(error, path);
    default: {
      const text = `expected ${describeSchema(parent)}, came ${describeValue(error.data)}`;
      return { path, isAboutKey: false, text };
    }
  }
}

function describeUnknownKey(parent: Schema, path: ProjectPath, key: string): ProjectProblem {
  const patterns = parent["patternProperties"];
  const text =
    patterns === undefined
      ? `unknown key${didYouMean(key, Object.keys(propertiesOf(parent)))}`
      : `expected a name like ${Object.keys(patterns as object).join(" or ")}, came ${JSON.stringify(key)}`;
  return { path: [...path, key], isAboutKey: true, text };
}

function describeNoBranch(error: ErrorObject, path: ProjectPath): ProjectProblem {
  const branches = error.schema as Schema[];
  const kinds = kindsOf(branches);
  if (kinds !== null && typeof error.data === "object" && error.data !== null) {
    const came = (error.data as Schema)["kind"];
    const hint = typeof came === "string" ? didYouMean(came, kinds) : "";
    const text = `expected one of ${kinds.join(", ")}, came ${describeValue(came)}${hint}`;
    return { path: [...path, "kind"], isAboutKey: false, text };
  }
  const expected = describeSchema({ anyOf: branches });
  const text = `expected ${expected}, came ${describeValue(error.data)}`;
  return { path, isAboutKey: false, text };
}

/** A JSON pointer, with the indexes of lists as numbers. */
function pathOf(pointer: string, root: unknown): ProjectPath {
  let value = root;
  return pointer
    .split("/")
    .slice(1)
    .map((part) => {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      const isIndex = Array.isArray(value);
      value = (value as Schema | undefined)?.[key];
      return isIndex ? Number(key) : key;
    });
}
