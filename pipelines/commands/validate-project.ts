import { existsSync } from "node:fs";
import { loadProject } from "../project/load-project.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { didYouMean } from "../project/nearest-name.ts";
import { ProjectError } from "../project/project-error.ts";
import type { CommandIo } from "./command-io.ts";

export interface ValidateProjectArgs {
  readonly projectFile: string;
  /** Named by the user: then it must be there. */
  readonly isRequired: boolean;
  /** `NAME=PROGRAM ARG …` */
  readonly trainerCommands: readonly string[];
}

/**
 * The project's part of `sluice validate`: one line, or none where there is no project.
 * @throws ProjectError with every problem
 */
export function validateProject(args: ValidateProjectArgs, io: CommandIo): void {
  const { projectFile, isRequired, trainerCommands } = args;
  if (!isRequired && !existsSync(projectFile)) return;
  const loaded = loadProject(projectFile);
  const [first, ...others] = missingTrainers(loaded, trainerCommands);
  if (first !== undefined) throw new ProjectError([first, ...others]);
  io.stdout.write(`OK: ${summarise(loaded)}\n`);
}

function summarise({ file, project }: LoadedProject): string {
  const count = (what: string, all: object): string => {
    const { length } = Object.keys(all);
    return `${length} ${what}${length === 1 ? "" : "s"}`;
  };
  const parts = [
    count("feed", project.feeds),
    count("dataset", project.datasets),
    count("model", project.models),
    count("outlet", project.outlets),
    count("rule", project.rules),
  ];
  return `${file}, project ${project.project}: ${parts.join(", ")}`;
}

/** Command trainers that the settings do not allow: training them would be withheld. */
function missingTrainers(
  { project }: LoadedProject,
  trainerCommands: readonly string[],
): readonly string[] {
  const allowed = trainerCommands.map((command) => command.slice(0, command.indexOf("=")));
  return Object.entries(project.models).flatMap(([model, { trainer }]) => {
    if (trainer.kind !== "command" || allowed.includes(trainer.name)) return [];
    const hint = didYouMean(trainer.name, allowed);
    return [
      `models.${model}.trainer.name: expected a name of the trainerCommands setting, came '${trainer.name}'${hint}`,
    ];
  });
}
