import type { LoadedProject } from "../project/loaded-project.ts";
import { readAzureSecrets } from "../publish/azure-secrets.ts";
import { createStore } from "../publish/create-store.ts";
import { withdraw } from "../store/asks.ts";
import type { Store } from "../store/store.ts";
import type { RunTable } from "../store/tables.ts";
import { Coordinator, type CoordinatorListener } from "./coordinator.ts";
import { describeEnd } from "./describe-end.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import type { RunFacts } from "./run-facts.ts";

export interface RunUntilIdleOptions {
  readonly store: Store;
  readonly project: LoadedProject;
  readonly config: PipelinesConfig;
  readonly facts: RunFacts;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A model to train, or a feed to pull, as a subject, whatever the rules and the clock say; null for neither. */
  readonly force: string | null;
  /** One line a run and a withheld training. */
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
  readonly pause: (point: string) => Promise<void>;
}

const REST_MS = 1_000;

/**
 * Works through the plan until nothing is due. Returns how many runs failed. What waits for its next
 * try is left for another time.
 * @throws ClaimError when `sluice pipelines` is at it, IdentityError
 */
export async function runUntilIdle(options: RunUntilIdleOptions): Promise<number> {
  const { store, project, config, facts, env, pause, signal } = options;
  const repository = createStore(config.modelRepository, readAzureSecrets(env));
  let failed = 0;
  const listener: CoordinatorListener = {
    started: () => undefined,
    ended(run: RunTable, outcome, seconds) {
      if (outcome.status === "failed") failed += 1;
      options.onLine(describeEnd(run, outcome, seconds));
    },
    withheld: ({ subject, reason }) => options.onLine(`withheld ${subject}: ${reason}`),
    warn: (message) => options.onLine(`warning: ${message}`),
  };
  const clock = (): number => Date.now();
  const parts = { store, project, config, facts, repository, env, listener, clock, pause };
  const coordinator = new Coordinator(parts);
  await coordinator.open();
  let nonce: string | null = null;
  try {
    signal.addEventListener("abort", () => coordinator.expectStop());
    if (options.force !== null) nonce = await coordinator.ask(options.force);
    for (;;) {
      const { isIdle } = await coordinator.tick();
      if (isIdle || signal.aborted) return failed;
      await coordinator.rest(REST_MS);
    }
  } finally {
    // What could not begin is not begun behind the back of who asked.
    if (options.force !== null && nonce !== null) await withdraw(store, options.force, nonce);
    await coordinator.close();
  }
}
