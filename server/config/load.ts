import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import type { Config, PipelinesConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { crossCheck, crossCheckPipelines } from "./cross-checks.ts";
import { type Env, readEnv } from "./read-env.ts";
import { type RawValue, readValue } from "./read-value.ts";
import { readYaml } from "./read-yaml.ts";
import { readSecrets, type Secrets } from "./secrets.ts";
import { flagOf, type Setting, type SettingValue } from "./setting.ts";
import { SETTING_BY_KEY, SETTINGS } from "./settings.ts";

/** Flags by key: `{httpPort: "8000"}` for `--http-port 8000`; a bare flag is true. */
export type Flags = Readonly<Record<string, unknown>>;

export interface ConfigInputs {
  readonly flags: Flags;
  readonly env: Env;
  /** `--config`; null looks for server.yaml in the home. */
  readonly file: string | null;
  /** Relative paths of flags and environment start here. */
  readonly cwd: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly secrets: Secrets;
  /** The server.yaml that was read; null if none. */
  readonly file: string | null;
  /** Where each value came from, for `validate --print`. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * The one way to a Config: flag, else environment, else server.yaml, else default; then every check
 * that needs no network. The result is frozen.
 * @throws ConfigError with one line that says what to change.
 */
export function loadConfig(inputs: ConfigInputs): LoadedConfig {
  const { file, layers, home } = gather(inputs);
  const { values, origins } = settleAll(SETTINGS, layers, home, inputs.cwd);
  // SETTINGS has a row for every key of Config, and readValue keeps each to its row's type.
  const config = Object.freeze(values) as unknown as Config;
  crossCheck(config);
  return { config, secrets: readSecrets(inputs.env), file, origins };
}

const PIPELINES_KEYS = [
  "home",
  "host",
  "insecure",
  "keysFile",
  "modelRepository",
  "redisUrl",
  "logLevel",
  "captureFolder",
  "captureStream",
  "projectFile",
  "pipelinesPort",
  "pipelinesMetricsPort",
  "trainerCommands",
  "jobConcurrency",
  "jobTimeoutSecs",
] as const satisfies readonly (keyof PipelinesConfig)[];

/**
 * What `sluice pipelines` reads, from the same places as `serve`, with the checks that matter to
 * it: what is wrong for `serve` alone does not stop it. The result is frozen.
 * @throws ConfigError with one line that says what to change.
 */
export function loadPipelinesConfig(inputs: ConfigInputs): PipelinesConfig {
  const { layers, home } = gather(inputs);
  const { values } = settleAll(PIPELINES_KEYS.map(settingOf), layers, home, inputs.cwd);
  const config = Object.freeze(values) as unknown as PipelinesConfig;
  crossCheckPipelines(config);
  return config;
}

function settleAll(
  settings: readonly Setting[],
  layers: readonly Layer[],
  home: string,
  cwd: string,
): { values: Record<string, SettingValue>; origins: Map<string, string> } {
  const context = { home, cores: availableParallelism() };
  const values: Record<string, SettingValue> = {};
  const origins = new Map<string, string>();
  for (const setting of settings) {
    const { value, origin } = settle(setting, layers, context, cwd);
    values[setting.key] = value;
    origins.set(setting.key, origin);
  }
  findKeys(values, origins, home);
  return { values, origins };
}

/** The settings that other commands than `serve` read too. */
export interface Places {
  readonly home: string;
  /** Where keys are or would be; need not exist. */
  readonly keysFile: string;
  readonly modelRepository: string;
  readonly redisUrl: string | null;
}

/**
 * Where things are, for commands that must work before the configuration is whole.
 * @throws ConfigError
 */
export function loadPlaces(inputs: ConfigInputs): Places {
  const { layers, home } = gather(inputs);
  const read = (key: keyof Config): SettingValue =>
    settle(settingOf(key), layers, { home, cores: 1 }, inputs.cwd).value;
  const keysFile = read("keysFile");
  const redisUrl = read("redisUrl");
  return {
    home,
    keysFile: typeof keysFile === "string" ? keysFile : join(home, "keys.json"),
    modelRepository: String(read("modelRepository")),
    redisUrl: typeof redisUrl === "string" ? redisUrl : null,
  };
}

interface Gathered {
  readonly file: string | null;
  readonly layers: readonly Layer[];
  readonly home: string;
}

function gather(inputs: ConfigInputs): Gathered {
  const flags = readFlags(inputs);
  const env = readEnv(inputs.env, inputs.cwd);
  const { file, yaml } = readFile(inputs, flags, env);
  const layers = [flags, env, yaml];
  const home = settle(settingOf("home"), layers, { home: "", cores: 1 }, inputs.cwd).value;
  return { file, layers, home: String(home) };
}

type Layer = ReadonlyMap<string, RawValue>;

function readFlags({ flags, cwd }: ConfigInputs): Layer {
  const values = new Map<string, RawValue>();
  for (const setting of SETTINGS) {
    const value = flags[setting.key];
    if (value === undefined) continue;
    values.set(setting.key, { value, from: flagOf(setting), isText: true, folder: cwd });
  }
  return values;
}

function readFile(
  inputs: ConfigInputs,
  flags: Layer,
  env: Layer,
): { file: string | null; yaml: Layer } {
  if (inputs.file !== null) {
    const file = resolve(inputs.cwd, inputs.file);
    return { file, yaml: readYaml(file) };
  }
  const home = settle(settingOf("home"), [flags, env], { home: "", cores: 1 }, inputs.cwd);
  const file = join(String(home.value), "server.yaml");
  if (!existsSync(file)) return { file: null, yaml: new Map() };
  const yaml = readYaml(file);
  const inner = yaml.get("home");
  if (inner !== undefined) {
    throw new ConfigError(
      `${inner.from} sets home, but the file was found through it; use --home, SLUICE_HOME or --config ${file}`,
    );
  }
  return { file, yaml };
}

function settle(
  setting: Setting,
  layers: readonly Layer[],
  context: { home: string; cores: number },
  cwd: string,
): { value: SettingValue; origin: string } {
  for (const layer of layers) {
    const raw = layer.get(setting.key);
    if (raw !== undefined) return { value: readValue(setting, raw), origin: raw.from };
  }
  const fallback =
    typeof setting.default === "function" ? setting.default(context) : setting.default;
  if (setting.type.kind !== "path" || typeof fallback !== "string") {
    return { value: fallback, origin: "default" };
  }
  return { value: resolve(cwd, fallback), origin: "default" };
}

function findKeys(
  values: Record<string, SettingValue>,
  origins: Map<string, string>,
  home: string,
): void {
  const file = join(home, "keys.json");
  if (values["keysFile"] !== null || !existsSync(file)) return;
  values["keysFile"] = file;
  origins.set("keysFile", "found in home");
}

function settingOf(key: keyof Config): Setting {
  const setting = SETTING_BY_KEY.get(key);
  if (setting === undefined) throw new Error(`no setting '${key}'`);
  return setting;
}
