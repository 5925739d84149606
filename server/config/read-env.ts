import { readEnvSecret } from "../lib/env-secret.ts";
import { didYouMean } from "../lib/nearest-name.ts";
import { ConfigError } from "./config-error.ts";
import type { RawValue } from "./read-value.ts";
import { envOf, isSecret } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** Tests and CI keep theirs under it. */
const TEST_PREFIX = "SLUICE_TEST_";

/** Variables that Kubernetes puts into every pod for a Service whose name starts with "sluice". */
const KUBERNETES_NAME = /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)/;
const KUBERNETES_VALUE = /^(tcp|udp|sctp):\/\//;

/**
 * Reads SLUICE_… variables (and well-known ones such as REDIS_URL) into raw values by key. An empty
 * variable counts as unset.
 * @throws ConfigError for an unknown SLUICE_… name.
 */
export function readEnv(env: Env, folder: string): ReadonlyMap<string, RawValue> {
  refuseUnknown(env);
  const values = new Map<string, RawValue>();
  for (const setting of SETTINGS) {
    for (const name of [envOf(setting), ...setting.wellKnownEnv]) {
      const found = isSecret(setting) ? readSecret(env, name) : plain(env, name);
      if (found === null) continue;
      values.set(setting.key, { ...found, isText: true, folder });
      break;
    }
  }
  return values;
}

/**
 * A secret from NAME, or from the file that NAME_FILE names (a mounted secret); null if neither.
 * @throws ConfigError where both are set or the file cannot be read; never with the value.
 */
export function readSecret(env: Env, name: string): { value: string; from: string } | null {
  return readEnvSecret(env, name, refuse);
}

/** @throws ConfigError always */
export function refuse(message: string): never {
  throw new ConfigError(message);
}

function plain(env: Env, name: string): { value: string; from: string } | null {
  const value = env[name] ?? "";
  return value === "" || KUBERNETES_VALUE.test(value) ? null : { value, from: name };
}

function refuseUnknown(env: Env): void {
  const known = new Set<string>();
  for (const setting of SETTINGS) {
    known.add(envOf(setting));
    if (isSecret(setting)) known.add(`${envOf(setting)}_FILE`);
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("SLUICE_") || name.startsWith(TEST_PREFIX) || known.has(name)) continue;
    if (KUBERNETES_NAME.test(name) || KUBERNETES_VALUE.test(value ?? "")) continue;
    throw new ConfigError(
      `the environment has the unknown variable '${name}'${didYouMean(name, known)}`,
    );
  }
}
