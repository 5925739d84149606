import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/config.ts";
import type { ConfigInputs, Flags } from "../config/load.ts";
import { flagOf } from "../config/setting.ts";
import { SETTINGS } from "../config/settings.ts";

interface UpChild {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
}

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));

/**
 * The two processes of `sluice up`: the flags that it was given go to both. Where no setting says
 * what becomes of captured predictions, serve leaves them in the home for pipelines.
 */
export function upChildren(inputs: ConfigInputs, config: Config): readonly UpChild[] {
  const { captureFolder, captureStream, home } = config;
  const isUnset = captureFolder === null && captureStream === null;
  const args = [
    ...flagsOf(inputs.flags),
    ...(isUnset ? [`--capture-folder=${join(home, "capture")}`] : []),
  ];
  return ["serve", "pipelines"].map((name) => ({
    name,
    command: [process.execPath, MAIN, name, ...args],
  }));
}

/** The command line that these flags were read from. */
function flagsOf(flags: Flags): readonly string[] {
  const config = flags["config"];
  return [
    ...(typeof config === "string" ? [`--config=${config}`] : []),
    ...SETTINGS.flatMap((setting) => {
      const value = flags[setting.key];
      if (value === undefined) return [];
      if (value === true) return [flagOf(setting)];
      const values = Array.isArray(value) ? value : [value];
      return values.map((each) => `${flagOf(setting)}=${each}`);
    }),
  ];
}
