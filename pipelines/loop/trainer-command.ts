import type { ModelConfig } from "../project/project.ts";

/**
 * Program and arguments that the settings give for a `command` trainer's name; null for a built-in
 * trainer, and for a name that the settings lack (the job says so).
 * @param allowed `NAME=PROGRAM ARG …`
 */
export function trainerCommand(
  { trainer }: ModelConfig,
  allowed: readonly string[],
): readonly string[] | null {
  if (trainer.kind !== "command") return null;
  const found = allowed.find((each) => each.startsWith(`${trainer.name}=`));
  if (found === undefined) return null;
  return found
    .slice(trainer.name.length + 1)
    .split(" ")
    .filter((part) => part !== "");
}
