import { existsSync } from "node:fs";
import { didYouMean } from "../../server/lib/nearest-name.ts";
import { explainContradiction, lastContract } from "../loop/contract-version.ts";
import { loadProject } from "../project/load-project.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { ProjectError } from "../project/project-error.ts";
import type { Contract } from "../quality/check-spec.ts";
import { storePath } from "../store/store.ts";
import type { CommandIo } from "./command-io.ts";
import { withStore } from "./with-store.ts";

export interface ValidateProjectArgs {
  readonly projectFile: string;
  /** Named by the user: then it must be there. */
  readonly isRequired: boolean;
  /** `NAME=PROGRAM ARG …` */
  readonly trainerCommands: readonly string[];
  /** Whose store may know contracts that the project's overrides contradict. */
  readonly home: string;
}

/**
 * The project's part of `sluice validate`: one line, or none where there is no project.
 * @throws ProjectError with every problem
 */
export async function validateProject(args: ValidateProjectArgs, io: CommandIo): Promise<void> {
  const { projectFile, isRequired, trainerCommands, home } = args;
  if (!isRequired && !existsSync(projectFile)) return;
  const loaded = loadProject(projectFile);
  const [first, ...others] = [
    ...missingTrainers(loaded, trainerCommands),
    ...(await contradictions(loaded, home)),
  ];
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

/** Overrides that what was inferred from the data does not bear: they would not be taken up. */
async function contradictions(
  { project }: LoadedProject,
  home: string,
): Promise<readonly string[]> {
  if (!existsSync(storePath(home))) return [];
  return await withStore(home, async (store) => {
    const problems: string[] = [];
    for (const [name, config] of Object.entries(project.datasets)) {
      const last = await lastContract(store, name);
      const inferred = last === null ? null : (JSON.parse(last.inferred_json) as Contract);
      const problem = inferred === null ? null : explainContradiction(inferred, config);
      if (problem !== null) problems.push(`datasets.${name}.contract: ${problem}`);
    }
    return problems;
  });
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
