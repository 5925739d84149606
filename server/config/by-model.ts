import { isModelGlob, matchesGlob } from "../access/glob.ts";
import { ConfigError } from "./config-error.ts";

/** A setting that may differ by model: the first entry whose glob matches decides. */
export type ByModel<T> = (model: string) => T;

export interface ByModelForm<T> {
  /** The setting, for messages. */
  readonly key: string;
  /** What a value may be, for messages. */
  readonly forms: string;
  /** null: the text is no such value. */
  readonly parse: (text: string) => T | null;
  /** For models that no entry matches. */
  readonly otherwise: T;
}

const SHOWN_CHARS = 80;

/**
 * Reads entries `GLOB=VALUE`, or `VALUE` alone for every model.
 * @throws ConfigError naming the entry that cannot be read
 */
export function readByModel<T>(form: ByModelForm<T>, entries: readonly string[]): ByModel<T> {
  const rules = entries.map((entry) => readEntry(form, entry));
  return (model) => rules.find(({ glob }) => matchesGlob(glob, model))?.value ?? form.otherwise;
}

function readEntry<T>(form: ByModelForm<T>, entry: string): { glob: string; value: T } {
  const at = entry.indexOf("=");
  const glob = at < 0 ? "*" : entry.slice(0, at).trim();
  const value = form.parse(entry.slice(at + 1).trim());
  if (value !== null && isModelGlob(glob)) return { glob, value };
  throw new ConfigError(
    `${form.key} must hold entries such as fraud-*=VALUE, VALUE being ${form.forms}; got ${JSON.stringify(entry.slice(0, SHOWN_CHARS))}`,
  );
}
