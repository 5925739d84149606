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
    const shown = isSecret(setting) && value !== null ? '"***"' : JSON.stringify(value);
    return `${setting.key}: ${shown} # ${loaded.origins.get(setting.key) ?? "default"}`;
  });
  lines.push(`# Azure credentials: ${loaded.secrets.azure.kind} (not shown)`);
  return `${lines.join("\n")}\n`;
}
