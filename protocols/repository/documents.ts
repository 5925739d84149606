import { createHash } from "node:crypto";
import type { Static, TSchema } from "@sinclair/typebox";
import { Ajv, type ErrorObject } from "ajv";
import { isAlias, isModelName } from "../core/names.ts";
import { CLAIM_FILE, INDEX_PATH, MANIFEST_FILE, MODEL_FILE } from "./layout.ts";
import { IndexSchema, type Manifest, ManifestSchema, type RepositoryIndex } from "./schemas.ts";

/** Thrown for a document that cannot be read: says which, where in it, what was expected and what came. */
export class DocumentError extends Error {
  constructor(document: string, problem: string) {
    super(`${document}: ${problem}`);
    this.name = "DocumentError";
  }
}

const ajv = new Ajv({ strict: false, allErrors: false, verbose: true });
const isIndex = ajv.compile(IndexSchema);
const isManifest = ajv.compile(ManifestSchema);

export const EMPTY_INDEX: RepositoryIndex = bare({
  schemaVersion: 1,
  generation: 0,
  models: {},
  removed: [],
});

/** No index or manifest is larger; readers refuse to buffer more. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** @throws DocumentError naming the first thing that does not fit. */
export function parseIndex(bytes: Uint8Array): RepositoryIndex {
  const index = parse(INDEX_PATH, bytes, isIndex as Validator<typeof IndexSchema>);
  for (const name of index.removed) {
    assertModelName(INDEX_PATH, "removed", name);
    if (Object.hasOwn(index.models, name)) {
      throw new DocumentError(INDEX_PATH, `'${name}' stands in both models and removed`);
    }
  }
  for (const [name, model] of Object.entries(index.models)) {
    assertModelName(INDEX_PATH, "models", name);
    assertAliases(name, model);
  }
  return bare(index);
}

/** The same with look-ups by name that cannot find Object.prototype's: "toString" is a legal name. */
function bare(index: RepositoryIndex): RepositoryIndex {
  const entries = Object.entries(index.models).map(([name, { versions, aliases }]) => [
    name,
    { versions: withoutPrototype(versions), aliases: withoutPrototype(aliases) },
  ]);
  return { ...index, models: withoutPrototype(Object.fromEntries(entries)) };
}

function withoutPrototype<T extends object>(record: T): T {
  return Object.assign(Object.create(null), record);
}

function assertAliases(name: string, model: RepositoryIndex["models"][string]): void {
  for (const [alias, version] of Object.entries(model.aliases)) {
    const at = `models.${name}.aliases.${alias}`;
    if (!isAlias(alias)) throw new DocumentError(INDEX_PATH, `${at} is not a legal alias`);
    if (!Object.hasOwn(model.versions, version)) {
      throw new DocumentError(
        INDEX_PATH,
        `${at} points at version ${version}, which models.${name}.versions lacks`,
      );
    }
  }
}

function assertModelName(document: string, where: string, name: string): void {
  if (!isModelName(name)) {
    throw new DocumentError(document, `${where} holds '${name}', which is not a legal model name`);
  }
}

/**
 * @param document its path, for messages
 * @throws DocumentError naming the first thing that does not fit.
 */
export function parseManifest(document: string, bytes: Uint8Array): Manifest {
  const manifest = parse(document, bytes, isManifest as Validator<typeof ManifestSchema>);
  assertModelName(document, "model", manifest.model);
  // Folded: two names that differ in case only are one file on some file systems.
  const paths = new Set(manifest.files.map((file) => file.path.toLowerCase()));
  if (paths.size !== manifest.files.length) {
    throw new DocumentError(document, "files holds a path twice");
  }
  for (const reserved of [MANIFEST_FILE, CLAIM_FILE]) {
    if (paths.has(reserved)) throw new DocumentError(document, `files holds '${reserved}'`);
  }
  if (!manifest.files.some((file) => file.path === MODEL_FILE)) {
    throw new DocumentError(document, `files lacks '${MODEL_FILE}'`);
  }
  return manifest;
}

/** The bytes that are stored and hashed: stable key order is the writer's, two spaces, one newline. */
export function serializeDocument(document: RepositoryIndex | Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

type Validator<T extends TSchema> = ((value: unknown) => value is Static<T>) & {
  errors?: ErrorObject[] | null;
};

function parse<T extends TSchema>(
  document: string,
  bytes: Uint8Array,
  is: Validator<T>,
): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new DocumentError(document, `expected JSON, got ${describeBytes(bytes)}`);
  }
  if (is(value)) return value;
  throw new DocumentError(document, describe(is.errors?.[0]));
}

/** A gateway that wants a sign-in, or reports a failure, answers with a page in place of the document. */
function describeBytes(bytes: Uint8Array): string {
  const first = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  if (first.startsWith("<")) return "a web page or XML (from a proxy or gateway in between?)";
  return `${bytes.byteLength} bytes that do not parse`;
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return "does not fit its schema";
  const at =
    error.instancePath === "" ? "the document" : error.instancePath.slice(1).replaceAll("/", ".");
  if (error.keyword === "additionalProperties") {
    return `${at} has the unknown key '${(error.params as { additionalProperty: string }).additionalProperty}'`;
  }
  const came = JSON.stringify(error.data)?.slice(0, 80) ?? "nothing";
  if (error.keyword === "const")
    return `${at} must be ${JSON.stringify(error.schema)}, got ${came}`;
  return `${at} ${error.message ?? "does not fit"}, got ${came}`;
}
