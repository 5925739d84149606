import { readKeyFile } from "../access/key-file.ts";
import { describeConfig } from "../config/describe-config.ts";
import { type ConfigInputs, loadConfig } from "../config/load.ts";
import type { Io } from "./io.ts";

/**
 * Loads the configuration as `serve` would, keys included, and says OK. With `isPrinting`, standard
 * output is the whole configuration as YAML, without secrets.
 * @throws ConfigError or KeyFileError with the one thing to change
 */
export function validateCommand(inputs: ConfigInputs, isPrinting: boolean, io: Io): number {
  const loaded = loadConfig(inputs);
  const { keysFile } = loaded.config;
  const keys = keysFile === null ? "no authentication" : `${readKeyFile(keysFile).length} keys`;
  if (isPrinting) io.stdout.write(describeConfig(loaded));
  const summary = `OK: ${loaded.file ?? "no server.yaml"}, ${keys}\n`;
  (isPrinting ? io.stderr : io.stdout).write(summary);
  return 0;
}
