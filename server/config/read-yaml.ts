import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, type YAMLParseError } from "yaml";
import { didYouMean } from "../lib/nearest-name.ts";
import { ConfigError } from "./config-error.ts";
import type { RawValue } from "./read-value.ts";
import { SETTING_BY_KEY } from "./settings.ts";

/**
 * Reads server.yaml into raw values by key; each remembers its line.
 * @throws ConfigError for a file that cannot be read or parsed, and for an unknown or repeated key.
 */
export function readYaml(file: string): ReadonlyMap<string, RawValue> {
  const name = basename(file);
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  refuseBroken(name, document.errors[0]);
  const values = new Map<string, RawValue>();
  const root = document.contents;
  if (root === null) return values;
  if (!isMap(root)) throw new ConfigError(`${name} must hold 'key: value' lines`);
  for (const { key, value } of root.items) {
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
    const text = isScalar(key) ? String(key.value) : String(key);
    refuseUnknown(`${name}:${line}`, text);
    const plain = isNode(value) ? value.toJS(document) : null;
    // `key:` with nothing after it is a line left for later: the default.
    if (plain === null) continue;
    const from = `${name}:${line}`;
    values.set(text, { value: plain, from, isText: false, folder: dirname(file) });
  }
  return values;
}

function refuseBroken(name: string, problem: YAMLParseError | undefined): void {
  if (problem === undefined) return;
  const [first] = problem.message.split("\n");
  const text = first?.replace(/ at line [0-9]+, column [0-9]+:?$/, "");
  throw new ConfigError(`${name}:${problem.linePos?.[0].line ?? 1} is not YAML: ${text}`);
}

function refuseUnknown(at: string, key: string): void {
  if (SETTING_BY_KEY.has(key)) return;
  throw new ConfigError(
    `${at} has the unknown key '${key}'${didYouMean(key, SETTING_BY_KEY.keys())}`,
  );
}

type PlainNode = { toJS(document: unknown): unknown };

function isNode(value: unknown): value is PlainNode {
  return typeof value === "object" && value !== null && "toJS" in value;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`cannot read ${file}: ${(error as Error).message}`);
  }
}
