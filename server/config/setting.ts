import type { Config } from "./config.ts";

/** What a setting's value must be. */
export type SettingType =
  | { readonly kind: "integer" | "number"; readonly min: number; readonly max: number }
  | { readonly kind: "boolean" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "string" | "strings" | "path" }
  /** A path, or the https:// URL of a blob container. */
  | { readonly kind: "repository" }
  /** redis:// or rediss://; may hold a password, so it is never shown. */
  | { readonly kind: "redis-url" };

export type SettingValue = string | number | boolean | readonly string[] | null;

/** What a default may depend on. */
export interface DefaultContext {
  /** Absolute. */
  readonly home: string;
  readonly cores: number;
}

/** One row of the table of settings. */
export interface Setting {
  readonly key: keyof Config;
  /** Heading of the docs table that it stands under. */
  readonly group: string;
  readonly type: SettingType;
  readonly default: SettingValue | ((context: DefaultContext) => SettingValue);
  /** The default in words, where it is computed. */
  readonly defaultText: string | null;
  /** Further environment variables that set it, after SLUICE_…; each may have a _FILE variant. */
  readonly wellKnownEnv: readonly string[];
  readonly text: string;
}

/** `httpPort` is `--http-port` on the command line. */
export function flagOf(setting: Setting): string {
  return `--${setting.key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `httpPort` is `SLUICE_HTTP_PORT` in the environment. */
export function envOf(setting: Setting): string {
  return `SLUICE_${setting.key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** A secret's value is never printed, neither by `validate --print` nor in an error. */
export function isSecret(setting: Setting): boolean {
  return setting.type.kind === "redis-url";
}

/** What is expected, for messages, `--help` and the docs table. */
export function expectation(type: SettingType): string {
  switch (type.kind) {
    case "integer":
      return `an integer from ${type.min} to ${type.max}`;
    case "number":
      return `a number from ${type.min} to ${type.max}`;
    case "boolean":
      return "true or false";
    case "enum":
      return `one of ${type.values.join(", ")}`;
    case "string":
      return "a text";
    case "strings":
      return "a list of names";
    case "path":
      return "a path";
    case "repository":
      return "a folder or an https:// container URL";
    case "redis-url":
      return "a redis:// or rediss:// URL";
  }
}

/** The default in words, for `--help` and the docs table. */
export function defaultTextOf(setting: Setting): string {
  if (setting.defaultText !== null) return setting.defaultText;
  if (setting.default === null || Array.isArray(setting.default)) return "none";
  return String(setting.default);
}
