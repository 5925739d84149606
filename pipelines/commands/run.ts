import { didYouMean } from "../../server/lib/nearest-name.ts";
import { ClaimError } from "../loop/claim.ts";
import type { PipelinesConfig } from "../loop/pipelines-config.ts";
import { runUntilIdle } from "../loop/run-until-idle.ts";
import { loadProject } from "../project/load-project.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { ask } from "../store/asks.ts";
import { openStore, storePath } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import { readRunFacts } from "../tracking/read-run-facts.ts";
import { CommandError } from "./command-error.ts";
import type { CommandIo } from "./command-io.ts";

export interface RunArgs {
  /** A model to train or a feed to pull, whatever the rules say; null: what is due. */
  readonly subject: string | null;
  /** Asks it to end after the runs in progress. */
  readonly signal: AbortSignal;
  readonly pause: (point: string) => Promise<void>;
}

/**
 * `sluice run`: works through the plan until nothing is due, one line a run. Exit code 1 when a run
 * failed. While `sluice pipelines` works on the store, a subject is noted for it and left to it.
 * @throws ProjectError, CommandError, IdentityError, ClaimError without a subject
 */
export async function runCommand(
  config: PipelinesConfig,
  args: RunArgs,
  io: CommandIo,
): Promise<number> {
  const project = loadProject(config.projectFile);
  const force = args.subject === null ? null : findForced(project, args.subject);
  const store = await openStore(storePath(config.home));
  try {
    const failed = await runUntilIdle({
      store,
      project,
      config,
      facts: await readRunFacts(project),
      env: io.env,
      force,
      onLine: (line) => io.stdout.write(`${line}\n`),
      signal: args.signal,
      pause: args.pause,
    });
    return failed === 0 ? 0 : 1;
  } catch (error) {
    if (force === null || !(error instanceof ClaimError)) throw error;
    await ask(store, force, Date.now());
    io.stdout.write(
      `${force}: asked for; 'sluice pipelines' takes it up ('sluice runs' shows it)\n`,
    );
    return 0;
  } finally {
    await store.destroy();
  }
}

/** The subject; `churn`, `model:churn` and `feed:orders` are understood. */
function findForced({ project }: LoadedProject, subject: string): string {
  const [prefix, name = ""] = subject.includes(":") ? subject.split(":", 2) : [null, subject];
  const models = prefix === "feed" ? [] : Object.keys(project.models);
  const feeds = prefix === "model" ? [] : Object.keys(project.feeds);
  const known = prefix === null || prefix === "feed" || prefix === "model";
  if (known && models.includes(name)) return subjectOf.model(name);
  if (known && feeds.includes(name)) return subjectOf.feed(name);
  const hint = didYouMean(name, [...models, ...feeds]);
  throw new CommandError(`expected a model or a feed of the project, came '${subject}'${hint}`);
}
