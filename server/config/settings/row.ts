import type { Config } from "../config.ts";
import type { DefaultContext, Setting, SettingType, SettingValue } from "../setting.ts";

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;
export const DAY_MS = 86_400_000;

export const PORT: SettingType = { kind: "integer", min: 0, max: 65_535 };

/** Rows of one group, each with the type of its key in Config. */
export type Rows = { readonly [K in keyof Config]: Row<Config[K]> };

interface Rest {
  readonly text: string;
  readonly defaultText?: string;
  readonly wellKnownEnv?: readonly string[];
}

/** A row whose default has the type of its key in Config. */
export interface Row<T extends SettingValue> extends Omit<Setting, "key" | "group" | "default"> {
  readonly default: T | ((context: DefaultContext) => T);
}

export function row<T extends SettingValue>(
  type: SettingType,
  value: T | ((context: DefaultContext) => T),
  rest: Rest,
): Row<T> {
  return {
    type,
    default: value,
    defaultText: rest.defaultText ?? null,
    wellKnownEnv: rest.wellKnownEnv ?? [],
    text: rest.text,
  };
}

export function integer(min: number, max: number): SettingType {
  return { kind: "integer", min, max };
}
