import { join } from "node:path";
import { createLogger, type Logger } from "../../server/lib/log.ts";
import { startMetricsListener } from "../../server/lib/metrics-listener.ts";
import { createApi } from "../api/api.ts";
import type { Triggers } from "../api/api-parts.ts";
import type { Gatekeeper } from "../api/gatekeeper.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { type BatchRows, createBatchRows } from "../outlets/batch-rows.ts";
import { loadProject } from "../project/load-project.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { readAzureSecrets } from "../publish/azure-secrets.ts";
import { createStore } from "../publish/create-store.ts";
import { appendEvent } from "../store/event-log.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import { readRunFacts } from "../tracking/read-run-facts.ts";
import { ClaimError } from "./claim.ts";
import { Coordinator, type CoordinatorListener } from "./coordinator.ts";
import { describeEnd } from "./describe-end.ts";
import { OutletPump } from "./outlet-pump.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import { ProjectWatch } from "./watch-project.ts";

/** What `sluice pipelines` touches of its process. */
export interface PipelinesOptions {
  readonly io: { readonly stdout: { write(text: string): unknown } };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly gatekeeper: Gatekeeper;
  /** The first lets the outlets end their posts; jobs are stopped and done again next time. */
  readonly stopSignals: { readonly first: AbortSignal };
  readonly pause: (point: string) => Promise<void>;
}

const TICK_MS = 500;
const TICK_AGAIN_MS = 5_000;

/**
 * `sluice pipelines`: reconciles until a stop signal, serves the project API and metrics. Returns
 * the exit code.
 * @throws ProjectError, ClaimError, IdentityError, and Error when a port cannot be bound
 */
export async function runPipelines(
  config: PipelinesConfig,
  options: PipelinesOptions,
): Promise<number> {
  const log = createLogger(config.logLevel, "pipelines");
  const project = loadProject(config.projectFile);
  const store = await openStore(storePath(config.home));
  const rows = createBatchRows([join(config.home, "data")]);
  try {
    await runWith({ config, options, log, project, store, rows, metrics: createMetrics(store) });
    return 0;
  } finally {
    await rows.close();
    await store.destroy();
  }
}

interface Parts {
  readonly config: PipelinesConfig;
  readonly options: PipelinesOptions;
  readonly log: Logger;
  readonly project: LoadedProject;
  readonly store: Store;
  readonly rows: BatchRows;
  readonly metrics: Metrics;
}

async function runWith(parts: Parts): Promise<void> {
  const { options, log, store, rows, metrics } = parts;
  const coordinator = await createCoordinator(parts);
  await coordinator.open();
  const pump = new OutletPump({
    store,
    rows,
    env: options.env,
    project: () => coordinator.project,
    metrics,
    log,
  });
  const triggers: Triggers = {
    async pull(feed) {
      await coordinator.ask(subjectOf.feed(feed));
    },
    async train(model) {
      await coordinator.ask(subjectOf.model(model));
    },
  };
  let listeners: { close(): Promise<void> } | null = null;
  let pumping: Promise<void> | null = null;
  // Ends with the reconciler too: whoever lost the claim delivers nothing more.
  const ended = new AbortController();
  try {
    listeners = await listen(parts, coordinator, triggers);
    await noteProject(store, coordinator.project);
    pumping = pump.run(AbortSignal.any([options.stopSignals.first, ended.signal]));
    await reconcile(parts, coordinator);
  } finally {
    ended.abort();
    await pumping;
    await listeners?.close();
    await coordinator.close();
  }
}

async function createCoordinator({
  config,
  options,
  log,
  project,
  store,
  metrics,
}: Parts): Promise<Coordinator> {
  const listener: CoordinatorListener = {
    started: (run) =>
      log.debug({ run: run.id, kind: run.kind, subject: run.subject }, "run started"),
    ended(run, outcome, seconds) {
      metrics.runEnded(run.kind, outcome.status, seconds);
      const fields = {
        run: run.id,
        kind: run.kind,
        subject: run.subject,
        status: outcome.status,
        seconds,
      };
      const level = outcome.status === "finished" ? "info" : "warn";
      log[level](fields, describeEnd(run, outcome, seconds));
    },
    withheld: ({ subject, reason }) => log.info({ subject }, `withheld: ${reason}`),
    warn: (message) => log.warn(message),
  };
  return new Coordinator({
    store,
    project,
    config,
    facts: await readRunFacts(project),
    repository: createStore(config.modelRepository, readAzureSecrets(options.env)),
    env: options.env,
    listener,
    clock: Date.now,
    pause: options.pause,
  });
}

async function listen(
  { config, options, log, store, rows, metrics }: Parts,
  coordinator: Coordinator,
  triggers: Triggers,
): Promise<{ close(): Promise<void> }> {
  const api = await createApi({
    store,
    project: () => coordinator.project.project,
    rows,
    triggers,
    clock: Date.now,
    config,
    gatekeeper: options.gatekeeper,
    metrics,
    log,
  });
  const { host, pipelinesMetricsPort } = config;
  try {
    const scraped = await startMetricsListener(metrics.registry, host, pipelinesMetricsPort);
    options.io.stdout.write(
      `listening  api=http://${host}:${api.port} metrics=http://${host}:${scraped.port}/metrics\n`,
    );
    return {
      async close() {
        await api.close();
        await scraped.close();
      },
    };
  } catch (error) {
    await api.close();
    throw error;
  }
}

async function reconcile(
  { config, options, log, store }: Parts,
  coordinator: Coordinator,
): Promise<void> {
  const { first } = options.stopSignals;
  const watch = new ProjectWatch(config.projectFile, (message) => log.error(message));
  first.addEventListener("abort", () => coordinator.expectStop());
  while (!first.aborted) {
    const changed = watch.look(coordinator.project);
    if (changed !== null && changed.project.project !== coordinator.project.project.project) {
      log.error(
        `the changed project file is not used: it is of project '${changed.project.project}', this home of '${coordinator.project.project.project}'`,
      );
    } else if (changed !== null) {
      log.info({ sha256: changed.sha256 }, "the project file changed");
      coordinator.useProject(changed, await readRunFacts(changed));
      await noteProject(store, changed);
    }
    const restMs = await tickOrWarn(coordinator, log);
    if (!first.aborted) await coordinator.rest(restMs);
  }
}

/** A round that a full disk or a busy store ended is made again; a lost claim ends the process. */
async function tickOrWarn(coordinator: Coordinator, log: Logger): Promise<number> {
  try {
    await coordinator.tick();
    return TICK_MS;
  } catch (error) {
    if (error instanceof ClaimError) throw error;
    log.error({ err: error }, "a round of the reconciler failed");
    return TICK_AGAIN_MS;
  }
}

/** The project under which everything from here on was decided. */
async function noteProject(store: Store, project: LoadedProject): Promise<void> {
  await store.transaction().execute((tx) =>
    appendEvent(
      tx,
      {
        type: "project.changed",
        subject: `project:${project.project.project}`,
        runId: null,
        details: { sha256: project.sha256 },
      },
      Date.now(),
    ),
  );
}
