import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import { TUNED_KEYS, type TunedSettings } from "./tuned-settings.ts";

const MAIN = fileURLToPath(new URL("../../server/main.js", import.meta.url));

/**
 * What `sluice serve` takes on this machine where nobody says anything, in its own words.
 * @param home an empty folder
 * @throws Error when it does not say so
 */
export async function readStart(home: string): Promise<TunedSettings> {
  const args = [MAIN, "validate", "--print", "--home", home];
  // No environment: a setting of the caller's shell is not a default.
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: home, env: {} });
  const printed: unknown = parse(stdout);
  const values = new Map(Object.entries(printed ?? {}));
  const entries = TUNED_KEYS.map((key) => {
    const value: unknown = values.get(key);
    if (typeof value === "number") return [key, value] as const;
    throw new Error(
      `expected 'sluice validate --print' to give a number for ${key}, came ${value}`,
    );
  });
  return Object.fromEntries(entries) as TunedSettings;
}
