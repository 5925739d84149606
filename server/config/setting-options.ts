import { type Command, Option } from "commander";
import { defaultTextOf, expectation, flagOf, type Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** Adds a flag for every setting, and --config; values are checked later, by loadConfig. */
export function addSettingOptions(command: Command): Command {
  command.option("--config <file>", "server.yaml to read; default: server.yaml in the home");
  for (const setting of SETTINGS) command.addOption(optionOf(setting));
  return command;
}

function optionOf(setting: Setting): Option {
  const value = setting.type.kind === "boolean" ? "[true|false]" : "<value>";
  const option = new Option(
    `${flagOf(setting)} ${value}`,
    `${setting.text} (${expectation(setting.type)}; default: ${defaultTextOf(setting)})`,
  );
  if (setting.type.kind !== "strings") return option;
  return option.argParser((text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    text,
  ]);
}
