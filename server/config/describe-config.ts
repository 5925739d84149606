import type { LoadedConfig } from "./load.ts";
import { isSecret, type SettingValue } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/**
 * The configuration as YAML that server.yaml could hold, each line saying where its value came from.
 * Secrets show only that they are set.
 */
export function describeConfig(loaded: LoadedConfig): string {
  const lines = SETTINGS.map((setting) => {
    const value: SettingValue = loaded.config[setting.key];
    const origin = loaded.origins.get(setting.key) ?? "default";
    return isSecret(setting) && value !== null
      ? `# ${setting.key} is set (not shown) # ${origin}`
      : `${setting.key}: ${JSON.stringify(value)} # ${origin}`;
  });
  lines.push(`# Azure credentials: ${loaded.secrets.azure.kind} (not shown)`);
  return `${lines.join("\n")}\n`;
}

/** One setting as it may be shown. */
export interface DescribedSetting {
  readonly key: string;
  /** Of a secret only whether it is set. */
  readonly value: SettingValue;
  /** Where it came from. */
  readonly from: string;
}

/** As `describeConfig`, for programs. */
export function describeSettings(
  loaded: Pick<LoadedConfig, "config" | "origins">,
): readonly DescribedSetting[] {
  return SETTINGS.map((setting) => {
    const value: SettingValue = loaded.config[setting.key];
    const shown = isSecret(setting) && value !== null ? "set (not shown)" : value;
    return { key: setting.key, value: shown, from: loaded.origins.get(setting.key) ?? "default" };
  });
}
