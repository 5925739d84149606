import type { Config } from "./config.ts";
import type { Setting } from "./setting.ts";
import { CAPTURE_SETTINGS } from "./settings/capture-settings.ts";
import { MODEL_SETTINGS } from "./settings/model-settings.ts";
import { NETWORK_SETTINGS } from "./settings/network-settings.ts";
import { PIPELINES_SETTINGS } from "./settings/pipelines-settings.ts";
import type { Rows } from "./settings/row.ts";
import { SCHEDULING_SETTINGS } from "./settings/scheduling-settings.ts";
import { SHARED_SETTINGS } from "./settings/shared-settings.ts";

/** Rows under the headings of deploy/docs/configuration.md. */
const GROUPS: readonly (readonly [title: string, rows: Partial<Rows>])[] = [
  ["Shared", SHARED_SETTINGS],
  ["Network", NETWORK_SETTINGS],
  ["Scheduling", SCHEDULING_SETTINGS],
  ["Models", MODEL_SETTINGS],
  ["Capture", CAPTURE_SETTINGS],
  ["Pipelines", PIPELINES_SETTINGS],
];

/**
 * Every setting of `sluice serve` and `sluice pipelines`, once: flags, environment variables,
 * server.yaml, `--help`, `validate --print` and deploy/docs/configuration.md all read this table.
 */
const ROWS: Rows = {
  ...SHARED_SETTINGS,
  ...NETWORK_SETTINGS,
  ...SCHEDULING_SETTINGS,
  ...MODEL_SETTINGS,
  ...CAPTURE_SETTINGS,
  ...PIPELINES_SETTINGS,
};

/** In the order of the table. */
export const SETTINGS: readonly Setting[] = Object.entries(ROWS).map(([key, row]) => ({
  key: key as keyof Config,
  group: GROUPS.find(([, rows]) => key in rows)?.[0] ?? "",
  ...row,
}));

export const SETTING_BY_KEY: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.map((each) => [each.key, each]),
);
