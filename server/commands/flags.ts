import type { Command } from "commander";
import type { ConfigInputs, Flags } from "../config/load.ts";
import type { Io } from "./io.ts";

/** The flags of every command that only needs to know where things are. */
export function withPlaces(command: Command): Command {
  return command
    .option("--home <folder>", "default: SLUICE_HOME, else .sluice")
    .option("--config <file>", "server.yaml to read; default: server.yaml in the home");
}

export function inputsOf(flags: Flags, io: Io): ConfigInputs {
  return { flags, env: io.env, file: textOf(flags["config"]) ?? null, cwd: io.cwd };
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
