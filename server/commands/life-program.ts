import { type Command, InvalidArgumentError, Option } from "commander";
import type { ConfigInputs, Flags } from "../config/load.ts";
import { addSettingOptions } from "../config/setting-options.ts";
import type { ExplainModelArgs } from "./explain-model.ts";
import { inputsOf, textOf, withPlaces } from "./flags.ts";
import type { Io } from "./io.ts";

export interface RunsFilter {
  readonly kind: string | null;
  readonly subject: string | null;
  readonly status: string | null;
  readonly limit: number;
  readonly isJson: boolean;
}

export type LineageFormat = "text" | "json" | "mermaid";

/** Commands of the model's life: their work is done in pipelines/, which main.ts imports lazily. */
export interface LifeRooms {
  plan(isJson: boolean, inputs: ConfigInputs): Promise<number>;
  /** @param subject null: what is due */
  run(subject: string | null, inputs: ConfigInputs): Promise<number>;
  pipelines(inputs: ConfigInputs): Promise<number>;
  up(inputs: ConfigInputs): Promise<number>;
  job(kind: string, folder: string): Promise<number>;
  listRuns(filter: RunsFilter, inputs: ConfigInputs): Promise<number>;
  showRun(id: string, isJson: boolean, inputs: ConfigInputs): Promise<number>;
  compareRuns(ids: readonly string[], isJson: boolean, inputs: ConfigInputs): Promise<number>;
  explain(text: string, isJson: boolean, inputs: ConfigInputs): Promise<number>;
  /** Of a served model. */
  explainModel(args: ExplainModelArgs): Promise<number>;
  lineage(subject: string, format: LineageFormat, inputs: ConfigInputs): Promise<number>;
  overview(isJson: boolean, inputs: ConfigInputs): Promise<number>;
  events(
    options: { readonly limit: number; readonly isJson: boolean; readonly isFollowing: boolean },
    inputs: ConfigInputs,
  ): Promise<number>;
}

type Run = (action: () => Promise<number> | number) => Promise<void>;

export function addLife(program: Command, io: Io, rooms: LifeRooms, run: Run): void {
  addDaemons(program, io, rooms, run);
  addWork(program, io, rooms, run);
  addRuns(program, io, rooms, run);
  addQuestions(program, io, rooms, run);
}

function addDaemons(program: Command, io: Io, rooms: LifeRooms, run: Run): void {
  addSettingOptions(
    program.command("pipelines").description("run the models' life: data, training, deployment"),
  ).action((flags: Flags) => run(() => rooms.pipelines(inputsOf(flags, io))));
  addSettingOptions(
    program.command("up").description("serve and pipelines together, on this machine"),
  ).action((flags: Flags) => run(() => rooms.up(inputsOf(flags, io))));
  program
    .command("job <kind>", { hidden: true })
    .description("one job over one folder; started by run and pipelines")
    .requiredOption("--folder <folder>", "with its job.json")
    .action((kind: string, flags: Flags) => run(() => rooms.job(kind, String(flags["folder"]))));
}

function addWork(program: Command, io: Io, rooms: LifeRooms, run: Run): void {
  const withProject = (command: Command): Command =>
    withPlaces(command)
      .option("--project-file <file>", "default: sluice.yaml")
      .option("--model-repository <location>", "folder or container URL; default: <home>/models");
  withJson(
    withProject(program.command("plan").description("what would run now, what not, and why")),
  ).action((flags: Flags) => run(() => rooms.plan(isJson(flags), inputsOf(flags, io))));
  withProject(
    program
      .command("run [subject]")
      .description("do what is due; with a model or a feed, train or pull it first"),
  ).action((subject: string | undefined, flags: Flags) =>
    run(() => rooms.run(subject ?? null, inputsOf(flags, io))),
  );
}

const DEFAULT_RUNS = 30;
const DEFAULT_EVENTS = 50;

function addRuns(program: Command, io: Io, rooms: LifeRooms, run: Run): void {
  const runs = withJson(withPlaces(program.command("runs").description("list and compare runs")))
    .option("--kind <kind>", "pull, check, train, evaluate, …")
    .option("--subject <subject>", "such as model:churn or feed:orders")
    .addOption(
      new Option("--status <status>", "only these").choices([
        "queued",
        "running",
        "finished",
        "failed",
      ]),
    )
    .option("--limit <count>", "at most so many, newest first", readCount, DEFAULT_RUNS)
    .action((flags: Flags) => run(() => rooms.listRuns(filterOf(flags), inputsOf(flags, io))));
  // The options of `runs` may stand before or after the word: both places are read.
  withJson(
    withPlaces(runs.command("show <id>").description("one run, by id or its beginning")),
  ).action((id: string, _flags: Flags, command: Command) => {
    const flags = command.optsWithGlobals();
    return run(() => rooms.showRun(id, isJson(flags), inputsOf(flags, io)));
  });
  withJson(withPlaces(runs.command("compare <ids...>").description("runs side by side"))).action(
    (ids: string[], _flags: Flags, command: Command) => {
      const flags = command.optsWithGlobals();
      return run(() => rooms.compareRuns(ids, isJson(flags), inputsOf(flags, io)));
    },
  );
}

function filterOf(flags: Flags): RunsFilter {
  return {
    kind: textOf(flags["kind"]) ?? null,
    subject: textOf(flags["subject"]) ?? null,
    status: textOf(flags["status"]) ?? null,
    limit: Number(flags["limit"]),
    isJson: isJson(flags),
  };
}

function addQuestions(program: Command, io: Io, rooms: LifeRooms, run: Run): void {
  addExplain(program, io, rooms, run);
  withJson(
    withPlaces(program.command("overview").description("what flowed where so far, as Mermaid")),
  ).action((flags: Flags) => run(() => rooms.overview(isJson(flags), inputsOf(flags, io))));
  withPlaces(program.command("lineage <subject>").description("all that something came from"))
    .addOption(new Option("--json", "as a graph in JSON").conflicts("mermaid"))
    .addOption(new Option("--mermaid", "as a picture for Markdown"))
    .action((subject: string, flags: Flags) =>
      run(() => rooms.lineage(subject, formatOf(flags), inputsOf(flags, io))),
    );
  withJson(withPlaces(program.command("events").description("the event log, oldest first")))
    .option("--limit <count>", "the last so many", readCount, DEFAULT_EVENTS)
    .option("--follow", "go on with what comes")
    .action((flags: Flags) =>
      run(() =>
        rooms.events(
          {
            limit: Number(flags["limit"]),
            isJson: isJson(flags),
            isFollowing: flags["follow"] === true,
          },
          inputsOf(flags, io),
        ),
      ),
    );
}

function addExplain(program: Command, io: Io, rooms: LifeRooms, run: Run): void {
  withJson(
    withPlaces(
      program
        .command("explain [id]")
        .description(
          "why: of a run, batch, candidate, window, dataset or NAME@VERSION; with --model, why requests of a served model wait and its batches close",
        ),
    ),
  )
    .option("--model <name>", "instead of an id: a model that a server serves now")
    .option("--version <version>", "of --model: number or alias; default: all that are loaded")
    .option("--url <url>", `of --model: the server's admin port; default: ${ADMIN_URL}`)
    .option("--api-key <key>", "of --model: one with role admin, where there are keys")
    .action((id: string | undefined, flags: Flags, command: Command) => {
      const model = textOf(flags["model"]) ?? null;
      if ((id === undefined) === (model === null)) {
        return command.error("error: expected either an id or --model, not both and not neither");
      }
      return run(() =>
        id === undefined
          ? rooms.explainModel(explainModelArgs(flags))
          : rooms.explain(id, isJson(flags), inputsOf(flags, io)),
      );
    });
}

const ADMIN_URL = "http://127.0.0.1:8003";

function explainModelArgs(flags: Flags): ExplainModelArgs {
  return {
    model: String(flags["model"]),
    version: textOf(flags["version"]) ?? null,
    url: textOf(flags["url"]) ?? ADMIN_URL,
    apiKey: textOf(flags["apiKey"]) ?? null,
    isJson: isJson(flags),
  };
}

function formatOf(flags: Flags): LineageFormat {
  if (isJson(flags)) return "json";
  return flags["mermaid"] === true ? "mermaid" : "text";
}

function withJson(command: Command): Command {
  return command.option("--json", "for programs");
}

function isJson(flags: Flags): boolean {
  return flags["json"] === true;
}

const MAX_COUNT = 100_000;

function readCount(text: string): number {
  const count = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_COUNT) return count;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_COUNT}.`);
}
