import { isAbsolute, resolve } from "node:path";
import {
  isContainerLocation,
  parseContainerLocation,
} from "../../protocols/repository/location.ts";
import { didYouMean } from "../lib/nearest-name.ts";
import { ConfigError } from "./config-error.ts";
import { expectation, isSecret, type Setting, type SettingValue } from "./setting.ts";

/** One value as it came, before it is checked. */
export interface RawValue {
  /** Text from a flag or the environment; anything from YAML. */
  readonly value: unknown;
  /** For messages: `--http-port`, `SLUICE_HTTP_PORT`, `server.yaml:3`. */
  readonly from: string;
  /** Text must be read ("8000"); YAML values have their type already. */
  readonly isText: boolean;
  /** Relative paths start here. */
  readonly folder: string;
}

/** @throws ConfigError saying which setting, from where, what was expected and what came. */
export function readValue(setting: Setting, raw: RawValue): SettingValue {
  const value = check(setting, raw);
  if (value !== null) return value;
  const came = isSecret(setting) ? "something else (not shown)" : show(raw.value);
  const hint =
    setting.type.kind === "enum" && typeof raw.value === "string"
      ? didYouMean(raw.value, setting.type.values)
      : "";
  throw new ConfigError(
    `${setting.key} (from ${raw.from}) must be ${expectation(setting.type)}, got ${came}${hint}`,
  );
}

/** null: it does not fit. */
function check(setting: Setting, raw: RawValue): SettingValue {
  const type = setting.type;
  switch (type.kind) {
    case "integer":
    case "number":
      return checkNumber(raw, type);
    case "boolean":
      return checkBoolean(raw);
    case "enum":
      return type.values.find((each) => each === raw.value) ?? null;
    case "string":
      return checkString(raw);
    case "strings":
      return checkStrings(raw);
    case "path":
      return checkPath(raw);
    case "repository":
      return checkRepository(setting, raw);
    case "redis-url":
      return checkRedisUrl(raw);
  }
}

const NUMBER = /^-?[0-9]+(\.[0-9]+)?$/;

function checkNumber(
  raw: RawValue,
  type: { kind: "integer" | "number"; min: number; max: number },
): number | null {
  const value =
    raw.isText && typeof raw.value === "string" && NUMBER.test(raw.value)
      ? Number(raw.value)
      : raw.value;
  if (typeof value !== "number" || !(value >= type.min && value <= type.max)) return null;
  return type.kind === "integer" && !Number.isSafeInteger(value) ? null : value;
}

function checkBoolean(raw: RawValue): boolean | null {
  if (typeof raw.value === "boolean") return raw.value;
  if (!raw.isText) return null;
  if (raw.value === "true" || raw.value === "1") return true;
  return raw.value === "false" || raw.value === "0" ? false : null;
}

function checkString(raw: RawValue): string | null {
  return typeof raw.value === "string" && raw.value.trim() !== "" ? raw.value.trim() : null;
}

/** The environment and flags separate names by commas; YAML has a list, or one name. */
function checkStrings(raw: RawValue): readonly string[] | null {
  const list = typeof raw.value === "string" ? [raw.value] : raw.value;
  if (!Array.isArray(list) || !list.every((each) => typeof each === "string")) return null;
  const names = list.flatMap((each) => (raw.isText ? each.split(",") : [each]));
  const trimmed = names.map((name) => name.trim());
  return trimmed.includes("") ? null : Object.freeze([...new Set(trimmed)]);
}

function checkPath(raw: RawValue): string | null {
  const text = checkString(raw);
  if (text === null || text.includes("\0")) return null;
  return isAbsolute(text) ? resolve(text) : resolve(raw.folder, text);
}

function checkRepository(setting: Setting, raw: RawValue): string | null {
  const text = checkString(raw);
  if (text === null) return null;
  if (!isContainerLocation(text)) return /^[a-z0-9+.-]+:\/\//i.test(text) ? null : checkPath(raw);
  try {
    parseContainerLocation(text);
    return text;
  } catch (error) {
    throw new ConfigError(`${setting.key} (from ${raw.from}): ${(error as Error).message}`);
  }
}

function checkRedisUrl(raw: RawValue): string | null {
  const text = checkString(raw);
  const url = text === null ? null : tryUrl(text);
  if (url === null || url.hostname === "") return null;
  return url.protocol === "redis:" || url.protocol === "rediss:" ? text : null;
}

function tryUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
