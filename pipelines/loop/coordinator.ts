import { setTimeout as delay } from "node:timers/promises";
import type { JobFile, JobKind } from "../jobs/job.ts";
import { jobEnv } from "../jobs/job-env.ts";
import type { JobMetric } from "../jobs/keep-output.ts";
import { type JobEnd, readEnd, type StartedJob, startJob } from "../jobs/start-job.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import { ask } from "../store/asks.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { RunTable } from "../store/tables.ts";
import { type Claim, takeClaim } from "./claim.ts";
import { refuseCandidate } from "./commit/commit-candidate.ts";
import { refreshContracts } from "./contract-version.ts";
import { endRun, type RunOutcome } from "./end-run.ts";
import { expireCaptures } from "./expire-captures.ts";
import { expireRuns } from "./expire-runs.ts";
import { homePaths } from "./home.ts";
import { noteIdentity } from "./identity.ts";
import { IncomingWatch } from "./incoming.ts";
import { countInterrupted, MAX_INTERRUPTED, pickStartable } from "./interrupted.ts";
import { isDue } from "./is-due.ts";
import { mergeLabels } from "./merge-labels.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import { plan } from "./plan.ts";
import type { Refusal, Withheld } from "./planned-run.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { RepositoryView } from "./repository-view.ts";
import type { RunFacts } from "./run-facts.ts";
import { dueRuns, enqueue, markStarted, requeue } from "./run-queue.ts";
import { takeLabels } from "./take-labels.ts";
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

const CHORES_EVERY_MS = 2_000;
const RETENTION_EVERY_MS = 60_000;
const END_AGAIN_MS = 1_000;
const COORDINATOR_ENDED = "its coordinator ended";

/**
 * The reconciler: looks at what is, works out what is due, starts it as processes, and takes up what
 * they bring. All state is in the store and the home, so that it may die anywhere.
 */
export class Coordinator {
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
    this.#repository = new RepositoryView({ repository, store, home: config.home, warn });
    this.#incoming = new IncomingWatch({ store, repository, home: config.home, warn });
  }

  /** Takes the claim, and up what an earlier coordinator left. @throws ClaimError, IdentityError */
  async open(): Promise<void> {
    const { store, repository, clock } = this.#parts;
    this.#claim = await takeClaim(store, clock);
    try {
      await noteIdentity(store, this.#project, repository);
    } catch (error) {
      await this.#claim.release();
      throw error;
    }
    const left = await store
      .selectFrom("runs")
      .selectAll()
      .where("status", "=", "running")
      .execute();
    for (const run of left) await this.#takeUp(run);
  }

  /**
   * What a run came to whose coordinator is gone. That it is gone says nothing against the run, unless
   * that is so each time.
   */
  async #takeUp(left: RunTable): Promise<void> {
    const run = await countInterrupted(this.#parts.store, left);
    if (run.interrupted_attempts >= MAX_INTERRUPTED) {
      const message = `${COORDINATOR_ENDED} ${run.interrupted_attempts} times while it ran or was taken up`;
      return await this.#end(run, { outcome: "failed", message, isTransient: false }, []);
    }
    const end = readEnd<JobKind>(run.folder ?? "", null, COORDINATOR_ENDED, "");
    if (end.outcome !== "lost" || end.message !== COORDINATOR_ENDED) {
      return await this.#end(run, end, []);
    }
    await requeue(this.#parts.store, run, COORDINATOR_ENDED, 0);
    this.#parts.listener.ended(run, { status: "again", message: COORDINATOR_ENDED }, 0);
  }

  /** Trains a model or pulls a feed, whatever the rules and the clock say. Resolves once it is noted: see ask. */
  async ask(subject: string): Promise<string | null> {
    const nonce = await ask(this.#parts.store, subject, this.#parts.clock());
    this.#wake();
    return nonce;
  }

  /** From now on a job that ends without a result was stopped, by us or with us. */
  expectStop(): void {
    this.#isClosing = true;
    this.#wake();
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
    const hadLabels = await this.#takeLabels();
    const snapshot = await readSnapshot({
      store,
      project: this.#project,
      config,
      champions: await this.#repository.champions(
        Object.keys(this.#project.project.models),
        clock(),
      ),
      hasIndex: this.#repository.hasIndex,
      captureFiles: await untakenCaptureFiles(store, config.captureFolder),
      nowMs: clock(),
    });
    const { runs, withheld, refusals } = plan(snapshot);
    await this.#tellWithheld(withheld);
    for (const refusal of refusals) await this.#refuse(refusal);
    const added = await enqueue(store, runs, this.#facts, clock());
    await this.#startDue();
    return { isIdle: !hadLabels && added + refusals.length === 0 && this.#running.size === 0 };
  }

  async #refuse({ candidateId, gate, reason }: Refusal): Promise<void> {
    const { store, config, clock } = this.#parts;
    const context = { project: this.#project, home: config.home, nowMs: clock() };
    const subject = subjectOf.candidate(candidateId);
    await store
      .transaction()
      .execute((tx) => refuseCandidate({ ...context, tx }, subject, null, gate, reason));
    this.#parts.listener.warn(`${subject} was refused: ${reason}`);
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

  async #takeLabels(): Promise<boolean> {
    const { store, config, clock } = this.#parts;
    const parts = { store, project: this.#project, home: config.home, nowMs: clock() };
    return await takeLabels(parts);
  }

  async #doChores(): Promise<void> {
    const { store, config, clock } = this.#parts;
    const nowMs = clock();
    if (this.#hasNewProject) await this.#refreshContracts(nowMs);
    if (!isDue(this.#choresAtMs, CHORES_EVERY_MS, nowMs)) return;
    this.#choresAtMs = nowMs;
    await this.#claim?.renew();
    await this.#incoming.look(nowMs);
    await mergeLabels(store, config.home);
    if (!isDue(this.#retentionAtMs, RETENTION_EVERY_MS, nowMs)) return;
    this.#retentionAtMs = nowMs;
    await expireCaptures(store, this.#project.project, nowMs);
    await expireRuns(store, config.home, nowMs);
  }

  async #refreshContracts(nowMs: number): Promise<void> {
    const { store, config, listener } = this.#parts;
    // First: should the rest fail again and again, nobody else takes the store over meanwhile.
    await this.#claim?.renew();
    const context = { project: this.#project, home: config.home, nowMs };
    const problems = await store
      .transaction()
      .execute((tx) => refreshContracts({ ...context, tx }));
    this.#hasNewProject = false;
    for (const problem of problems) listener.warn(problem);
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
      // What is withheld of a version is no training.
      if (!each.subject.startsWith("model:") || each.subject.includes("@")) continue;
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
    const running = [...this.#running.values()].map(({ run }) => run);
    for (const run of pickStartable(await dueRuns(store, free, clock()), running)) {
      await this.#start(run);
    }
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
