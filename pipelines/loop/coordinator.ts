import { setTimeout as delay } from "node:timers/promises";
import type { JobFile, JobKind } from "../jobs/job.ts";
import { jobEnv } from "../jobs/job-env.ts";
import type { JobMetric } from "../jobs/keep-output.ts";
import { type JobEnd, readEnd, type StartedJob, startJob } from "../jobs/start-job.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { RunTable } from "../store/tables.ts";
import { type Claim, takeClaim } from "./claim.ts";
import { refreshContracts } from "./contract-version.ts";
import { endRun, type RunOutcome } from "./end-run.ts";
import { expireCaptures } from "./expire-captures.ts";
import { expireRuns } from "./expire-runs.ts";
import { homePaths } from "./home.ts";
import { IncomingWatch } from "./incoming.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import { mergeLabels } from "./merge-labels.ts";
import { plan } from "./plan.ts";
import type { PlannedRun, Withheld } from "./planned-run.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { RepositoryView } from "./repository-view.ts";
import type { RunFacts } from "./run-facts.ts";
import { dueRuns, enqueue, markStarted, requeue } from "./run-queue.ts";
import { untakenCaptureFiles } from "./untaken-capture-files.ts";

/** Told as it happens; for a log, for metrics, for `sluice run`. */
export interface CoordinatorListener {
  started(run: RunTable): void;
  ended(run: RunTable, outcome: RunOutcome, seconds: number): void;
  withheld(what: Withheld): void;
  warn(message: string): void;
}

export interface CoordinatorParts {
  readonly store: Store;
  readonly project: LoadedProject;
  readonly config: PipelinesConfig;
  readonly facts: RunFacts;
  readonly repository: RepositoryStore;
  /** Of the jobs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly listener: CoordinatorListener;
  readonly clock: () => number;
  /** Awaited at "started" and "ended": for tests that stop there. */
  readonly pause: (point: string) => Promise<void>;
}

/** What `sluice run SUBJECT` and the API ask for beyond the plan. */
export interface Forced {
  /** Model to train. */
  model: { readonly model: string; readonly nonce: string } | null;
  /** Feed to pull. */
  feed: string | null;
}

const CHORES_EVERY_MS = 2_000;
const RETENTION_EVERY_MS = 60_000;
const END_AGAIN_MS = 1_000;

/**
 * The reconciler: looks at what is, works out what is due, starts it as processes, and takes up what
 * they bring. All state is in the store and the home, so that it may die anywhere.
 */
export class Coordinator {
  readonly forced: Forced = { model: null, feed: null };
  readonly #parts: CoordinatorParts;
  readonly #running = new Map<string, { run: RunTable; job: StartedJob<JobKind> }>();
  readonly #withheld = new Map<string, string>();
  readonly #repository: RepositoryView;
  readonly #incoming: IncomingWatch;
  #project: LoadedProject;
  #facts: RunFacts;
  #claim: Claim | null = null;
  #choresAtMs = 0;
  #retentionAtMs = 0;
  #hasNewProject = true;
  #isClosing = false;
  #wake: () => void = () => undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#project = parts.project;
    this.#facts = parts.facts;
    const { store, repository, config, listener } = parts;
    const warn = (message: string): void => listener.warn(message);
    this.#repository = new RepositoryView(repository, config.home, warn);
    this.#incoming = new IncomingWatch({ store, repository, home: config.home, warn });
  }

  /** Takes the claim, and up what an earlier coordinator left. @throws ClaimError */
  async open(): Promise<void> {
    this.#claim = await takeClaim(this.#parts.store, this.#parts.clock);
    const left = await this.#parts.store
      .selectFrom("runs")
      .selectAll()
      .where("status", "=", "running")
      .execute();
    for (const run of left) {
      const end = readEnd<JobKind>(run.folder ?? "", null, "its coordinator ended", "");
      await this.#end(run, end, []);
    }
  }

  /** Another sluice.yaml from now on. */
  useProject(project: LoadedProject, facts: RunFacts): void {
    this.#project = project;
    this.#facts = facts;
    this.#hasNewProject = true;
    this.#wake();
  }

  get project(): LoadedProject {
    return this.#project;
  }

  /** One round. Returns whether anything is queued to start now, runs, or was planned. */
  async tick(): Promise<{ readonly isIdle: boolean }> {
    const { store, config, clock } = this.#parts;
    if (this.#claim === null) throw new Error("the coordinator is not open");
    await this.#doChores();
    const snapshot = await readSnapshot({
      store,
      project: this.#project,
      config,
      champions: await this.#repository.champions(
        Object.keys(this.#project.project.models),
        clock(),
      ),
      captureFiles: await untakenCaptureFiles(store, config.captureFolder),
      forced: this.forced.model,
      nowMs: clock(),
    });
    const { runs, withheld } = plan(snapshot, this.forced.feed);
    await this.#tellWithheld(withheld);
    const added = await enqueue(store, runs, this.#facts, clock());
    // One that is running may have looked too early: the next one answers.
    if (isPulled(runs, this.forced.feed)) this.forced.feed = null;
    if (runs.some((run) => run.kind === "train")) this.forced.model = null;
    await this.#startDue();
    return { isIdle: added === 0 && this.#running.size === 0 };
  }

  /** Resolves when a job has ended, at `wake`, or after the time. */
  async rest(mostMs: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    let timer: NodeJS.Timeout | null = null;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, mostMs);
    });
    await Promise.race([woken, late]);
    if (timer !== null) clearTimeout(timer);
  }

  wake(): void {
    this.#wake();
  }

  /** Stops the running jobs, whose work is done again later, and gives the claim back. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const running = [...this.#running.values()];
    for (const { job } of running) job.stop();
    await Promise.all(running.map(({ job }) => job.ended));
    while (this.#running.size > 0) await this.rest(50);
    await this.#claim?.release();
  }

  async #doChores(): Promise<void> {
    const { store, config, clock } = this.#parts;
    const nowMs = clock();
    if (this.#hasNewProject) {
      const context = { project: this.#project, home: config.home, nowMs };
      await store.transaction().execute((tx) => refreshContracts({ ...context, tx }));
      this.#hasNewProject = false;
    }
    if (nowMs - this.#choresAtMs < CHORES_EVERY_MS) return;
    this.#choresAtMs = nowMs;
    await this.#claim?.renew();
    await this.#incoming.look(nowMs);
    await mergeLabels(store, config.home);
    if (nowMs - this.#retentionAtMs < RETENTION_EVERY_MS) return;
    this.#retentionAtMs = nowMs;
    await expireCaptures(store, this.#project.project, nowMs);
    await expireRuns(store, config.home, nowMs);
  }

  async #tellWithheld(withheld: readonly Withheld[]): Promise<void> {
    const { store, clock, listener } = this.#parts;
    const subjects = new Set(withheld.map((each) => each.subject));
    for (const subject of [...this.#withheld.keys()]) {
      if (!subjects.has(subject)) this.#withheld.delete(subject);
    }
    for (const each of withheld) {
      // Told again only when it differs in more than its numbers.
      const kind = each.reason.replaceAll(/[0-9.]+/g, "#");
      if (this.#withheld.get(each.subject) === kind) continue;
      this.#withheld.set(each.subject, kind);
      listener.withheld(each);
      if (!each.subject.startsWith("model:")) continue;
      const event = { type: "train.withheld", subject: each.subject, runId: null } as const;
      await store
        .transaction()
        .execute((tx) => appendEvent(tx, { ...event, details: { reason: each.reason } }, clock()));
    }
  }

  async #startDue(): Promise<void> {
    const { store, config, clock } = this.#parts;
    const free = config.jobConcurrency - this.#running.size;
    if (free <= 0) return;
    for (const run of await dueRuns(store, free, clock())) await this.#start(run);
  }

  async #start(run: RunTable): Promise<void> {
    const { store, config, clock, env, listener, pause } = this.#parts;
    const folder = homePaths.attempt(config.home, run.id, run.attempts + 1);
    const startedMs = clock();
    const holder = this.#claim?.holder ?? "";
    if (!(await markStarted(store, run, folder, holder, startedMs))) return;
    await pause("started");
    const job = {
      schemaVersion: 1,
      runId: run.id,
      kind: run.kind as JobKind,
      spec: JSON.parse(run.spec_json),
    } as JobFile<JobKind>;
    const running = { ...run, status: "running" as const, attempts: run.attempts + 1, folder };
    const timeoutMs = config.jobTimeoutSecs * 1000;
    let started: StartedJob<JobKind>;
    try {
      started = startJob({
        folder,
        job,
        env: jobEnv(env, config.home, config.redisUrl),
        timeoutMs,
      });
    } catch (error) {
      const message = `its job could not be started: ${describe(error)}`;
      return await this.#end(running, { outcome: "failed", message, isTransient: true }, []);
    }
    this.#running.set(run.id, { run: running, job: started });
    listener.started(running);
    void started.ended.then(async (end) => {
      await pause("ended");
      await this.#endSurely(running, end, started.metrics, startedMs);
      this.#running.delete(run.id);
      this.#wake();
    });
  }

  /** Never rejects: what the store cannot take now is given again, at last by the next coordinator. */
  async #endSurely(
    run: RunTable,
    end: JobEnd<JobKind>,
    metrics: readonly JobMetric[],
    startedMs: number,
  ): Promise<void> {
    for (;;) {
      try {
        if (this.#isClosing && end.outcome !== "result") {
          return await requeue(this.#parts.store, run, "stopped with its coordinator", 0);
        }
        return await this.#end(run, end, metrics, startedMs);
      } catch (error) {
        this.#parts.listener.warn(`the end of ${run.id} cannot be stored: ${describe(error)}`);
        if (this.#isClosing) return;
        await delay(END_AGAIN_MS);
      }
    }
  }

  async #end(
    run: RunTable,
    end: JobEnd<JobKind>,
    metrics: readonly JobMetric[],
    startedMs: number | null = null,
  ): Promise<void> {
    const { store, config, clock, listener } = this.#parts;
    const context = { store, project: this.#project, home: config.home, nowMs: clock() };
    const outcome = await endRun(context, run, end, metrics);
    if (run.kind === "publish") this.#repository.forget();
    const seconds = startedMs === null ? 0 : (clock() - startedMs) / 1000;
    listener.ended(run, outcome, seconds);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isPulled(runs: readonly PlannedRun[], feed: string | null): boolean {
  return feed !== null && runs.some((run) => run.subject === subjectOf.feed(feed));
}
