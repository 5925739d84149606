import { availableParallelism } from "node:os";
import { join } from "node:path";
import { DEFAULT_ALIAS } from "../protocols/core/names.ts";
import type { AuditEntry } from "./access/audit-record.ts";
import { ColdLoadCalls } from "./cold-loads.ts";
import type { Config } from "./config/config.ts";
import { readModelPolicies } from "./config/model-policies.ts";
import type { EngineChannel } from "./engine/connect.ts";
import { engineThreads } from "./engine/engine-threads.ts";
import { createNativeEngine } from "./engine/native-engine.ts";
import type { PickedEngine } from "./engine/pick-engine.ts";
import { createPortableEngine } from "./engine/portable-engine.ts";
import { createProcessVetter } from "./engine/process-vetter.ts";
import type { Logger } from "./lib/log.ts";
import { ModelEvents } from "./model-events.ts";
import { ModelHealth } from "./model-health.ts";
import type { Vitals } from "./models/health-judge.ts";
import type { Loader } from "./models/loader.ts";
import { Manager } from "./models/manager.ts";
import { MemoryRoom } from "./models/memory-room.ts";
import type { Publisher } from "./models/publication.ts";
import { type PollOutcome, Reconciler } from "./models/reconciler.ts";
import type { Source } from "./models/source.ts";
import { StateBus } from "./models/state-bus.ts";
import { type SlotAllocator, VersionBringer } from "./models/version-bringer.ts";
import { weightBytesOf } from "./models/weight-bytes.ts";
import type { ControlMetrics } from "./observe/metrics/control-metrics.ts";
import { type ChampionReading, SwapTimer } from "./observe/metrics/swap-timer.ts";
import { Steering } from "./steering.ts";
import type { UsageSampler } from "./threads/usage-sampler.ts";

export interface ModelRoomParts {
  readonly config: Config;
  readonly log: Logger;
  readonly source: Source;
  readonly engine: PickedEngine;
  readonly publisher: Publisher<EngineChannel>;
  readonly slots: SlotAllocator;
  readonly usage: UsageSampler;
  readonly vitals: (slot: number) => Omit<Vitals, "lostThreads">;
  readonly recordAudit: (entry: AuditEntry) => void;
  /** Asked at each event: the metrics are built after the room, from what is in it. */
  readonly metrics: () => ControlMetrics;
  /** Waits for ever at the named point in kill tests; a no-op otherwise. */
  readonly pause: (point: string) => Promise<void>;
}

const MS_PER_SECOND = 1000;
const USAGE_SAMPLE_MS = 1000;
/** Models that take turns in too small a budget do so at most this often. */
const MIN_RESIDENT_MS = 1000;

/**
 * The control path, put together: source, manager, reconciler and steering, and what their events do
 * to log, metrics and audit. Control thread.
 */
export class ModelRoom {
  readonly bus = new StateBus();
  readonly manager: Manager<EngineChannel>;
  readonly reconciler: Reconciler<EngineChannel>;
  readonly steering: Steering<EngineChannel>;
  readonly coldLoads: ColdLoadCalls<EngineChannel>;
  readonly #events: ModelEvents;
  readonly #swaps: SwapTimer;
  readonly #health: ModelHealth<EngineChannel>;
  readonly #sampling: NodeJS.Timeout | null;
  readonly #parts: ModelRoomParts;
  readonly #stopping = new AbortController();
  constructor(parts: ModelRoomParts) {
    this.#parts = parts;
    const { config, source } = parts;
    this.manager = this.#createManager();
    this.reconciler = new Reconciler({
      source,
      manager: this.manager,
      pollMs: config.repositoryPollSecs * MS_PER_SECOND,
      pollsOnce: config.modelControlMode === "none",
      nowMs: Date.now,
      random: Math.random,
      onPoll: (outcome) => this.#onPoll(outcome),
      onFault: (thrown) => this.#onFault(thrown),
    });
    this.steering = new Steering({
      manager: this.manager,
      bus: this.bus,
      nudge: () => this.reconciler.nudge(),
      record: parts.recordAudit,
      stopping: this.#stopping.signal,
    });
    this.coldLoads = new ColdLoadCalls({
      manager: this.manager,
      bus: this.bus,
      nudge: () => this.reconciler.nudge(),
      timeoutMs: () => config.coldLoadTimeoutMs,
      nowMs: Date.now,
      stopping: this.#stopping.signal,
      onOutcome: (outcome, tookMs) => {
        parts.metrics().coldLoads.inc({ outcome });
        if (outcome === "loaded") parts.metrics().coldLoadSeconds.observe(tookMs / MS_PER_SECOND);
      },
    });
    this.#events = new ModelEvents(parts);
    this.#swaps = new SwapTimer((tookMs) =>
      parts.metrics().swapSeconds.observe(tookMs / MS_PER_SECOND),
    );
    this.bus.subscribe((event) => {
      this.#events.take(event);
      if (event.to === "ready") void this.#tellServed();
    });
    this.#health = new ModelHealth({
      manager: this.manager,
      vitals: parts.vitals,
      maxRunMs: () => config.maxRunMs,
      nowMs: Date.now,
      log: parts.log,
      onIsolated: (kind) => parts.metrics().isolations.inc({ kind }),
    });
    this.#sampling = config.maxModelBytes > 0 ? this.#sampleUsage() : null;
  }

  /** No new step begins, and open calls are answered; resolves after the step under way. */
  stop(): Promise<void> {
    this.#stopping.abort();
    this.#health.stop();
    if (this.#sampling !== null) clearInterval(this.#sampling);
    return this.reconciler.stop();
  }

  #createManager(): Manager<EngineChannel> {
    const { config, pause, log, source, slots, engine, publisher } = this.#parts;
    const bringer = new VersionBringer<EngineChannel>({
      source,
      vetter: createProcessVetter({
        engine: engine.name,
        verdictDir: join(config.home, "cache", "verdicts"),
        timeoutMs: config.vetTimeoutMs,
        maxRssBytes: config.vetMaxRssBytes,
      }),
      loader: this.#createEngine(),
      weightBytesOf,
      slots,
      maxQueue: config.maxQueue,
      maxBatchRows: config.maxBatchRows,
      onFailure: (id, thrown) =>
        log.error({ ...id, err: thrown }, "a version cannot be brought up"),
      pause,
    });
    const policies = readModelPolicies(config);
    const isExplicit = config.modelControlMode === "explicit";
    return new Manager<EngineChannel>({
      bringer,
      publisher,
      bus: this.bus,
      nowMs: Date.now,
      onFault: (thrown) => this.#onFault(thrown),
      explicit: isExplicit ? new Set(config.loadModel) : null,
      readiness: { policy: config.readiness, models: config.readyModels },
      wake: () => this.reconciler.nudge(),
      versionPolicy: policies.versionPolicy,
      swapPolicy: policies.swapPolicy,
      room: new MemoryRoom<EngineChannel>({
        maxModelBytes: config.maxModelBytes,
        isPinned: policies.isPinned,
        usage: this.#parts.usage,
        nowMs: Date.now,
        minResidentMs: MIN_RESIDENT_MS,
      }),
    });
  }

  #createEngine(): Loader<EngineChannel> {
    const { config, log, engine, metrics } = this.#parts;
    const { addon } = engine;
    const threads = engineThreads(config, engine.name, availableParallelism());
    if (addon !== null) {
      return createNativeEngine({
        ...{ addon, ...threads },
        inlineBudgetUs: config.inlineBudgetUs,
        maxQueueMs: config.maxQueueMs,
      });
    }
    return createPortableEngine({
      ...threads,
      onSlotLost: (key, reason, refillInMs) => {
        metrics().engineThreadsLost.inc();
        this.#health.countLoss(key);
        log.error({ key, reason, refillInMs }, "an engine thread ended by itself");
      },
    });
  }

  #onPoll(outcome: PollOutcome): void {
    const { metrics, log } = this.#parts;
    metrics().polls.inc({ outcome: outcome.kind });
    if (outcome.kind === "failed") {
      log.warn(
        { reason: outcome.reason },
        "the repository could not be read; serving what is loaded",
      );
      return;
    }
    metrics().lastPollSeconds.setToCurrentTime();
    if (outcome.kind === "changed") {
      log.info({ generation: outcome.generation }, "the repository changed");
      this.#swaps.takeIndex(this.#champions(), Date.now());
      void this.#tellServed();
    }
  }

  async #tellServed(): Promise<void> {
    try {
      // The event comes before the publication that it leads to.
      await Promise.resolve();
      await this.manager.published;
      this.#swaps.takeServed(this.#champions(), Date.now());
    } catch (thrown) {
      this.#onFault(thrown);
    }
  }

  #champions(): readonly ChampionReading[] {
    return this.manager.inspectModels().map((record) => {
      const leadsTo = record.aliases.get(DEFAULT_ALIAS) ?? null;
      return {
        model: record.name,
        wanted: record.wanted.aliases.get(DEFAULT_ALIAS) ?? null,
        leadsTo: leadsTo !== null && record.isReady(leadsTo) ? leadsTo : null,
      };
    });
  }

  /** A fault of our own on the control path: what serves goes on serving. */
  #onFault(thrown: unknown): void {
    this.#parts.log.error({ err: thrown }, "the control path met a fault");
  }

  #sampleUsage(): NodeJS.Timeout {
    const timer = setInterval(() => {
      this.#parts.usage.sample(this.manager.loaded().map(({ info }) => info.slot));
    }, USAGE_SAMPLE_MS);
    return timer.unref();
  }
}
