import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { AccessRoom } from "./access-room.ts";
import { openAccessRoom } from "./access-room.ts";
import type { Config } from "./config/config.ts";
import type { Secrets } from "./config/secrets.ts";
import type { EngineChannel } from "./engine/connect.ts";
import { engineThreads } from "./engine/engine-threads.ts";
import { createNativeEngine } from "./engine/native-engine.ts";
import { type PickedEngine, pickEngine } from "./engine/pick-engine.ts";
import { createPortableEngine } from "./engine/portable-engine.ts";
import { createProcessVetter } from "./engine/process-vetter.ts";
import { isLoopback } from "./lib/local-host.ts";
import type { Logger } from "./lib/log.ts";
import { type MetricsListener, startMetricsListener } from "./lib/metrics-listener.ts";
import { probePort } from "./lib/probe-port.ts";
import type { VersionState } from "./models/lifecycle.ts";
import type { Loader } from "./models/loader.ts";
import { Manager } from "./models/manager.ts";
import { type PollOutcome, Reconciler } from "./models/reconciler.ts";
import type { Source } from "./models/source.ts";
import { StateBus, type StateEvent } from "./models/state-bus.ts";
import { VersionBringer } from "./models/version-bringer.ts";
import { type CaptureRoom, openCaptureRoom } from "./observe/capture/capture-room.ts";
import { type ControlMetrics, createMetrics } from "./observe/metrics.ts";
import { ByteBudget } from "./request/byte-budget.ts";
import { createSource } from "./sources/create-source.ts";
import { type RedisWake, watchRedis } from "./sources/redis-wake.ts";
import { Steering } from "./steering.ts";
import type { ThreadBirth } from "./threads/messages.ts";
import { CounterReader, createCounterBlock, MAX_SLOTS } from "./threads/shared-counters.ts";
import { createGaugeBlock, SharedGauge } from "./threads/shared-gauge.ts";
import { createSlotPool } from "./threads/slot-pool.ts";
import { ThreadGroup } from "./threads/thread-group.ts";
import { type PickedTransport, pickTransport } from "./transport/http/pick-transport.ts";

export interface AppOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Logger;
  /** Waits for ever at the named point in kill tests; a no-op otherwise. */
  readonly pause: (point: string) => Promise<void>;
  /** A serving thread was lost: the process must end. */
  readonly onFatal: (reason: string) => void;
}

export interface Endpoints {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  /** "uWebSockets.js" or "node:http", and why when it is the latter. */
  readonly transport: string;
  /** "native, ONNX Runtime …", or "portable, …" and why. */
  readonly engine: string;
  readonly threads: number;
}

const MS_PER_SECOND = 1000;

/**
 * The composition root: builds every part and draws the arrows between them. Runs on the main
 * thread, which serves no requests.
 */
export class App {
  readonly #options: AppOptions;
  readonly #bus = new StateBus();
  readonly #threads: ThreadGroup;
  readonly #manager: Manager<EngineChannel>;
  readonly #reconciler: Reconciler<EngineChannel>;
  readonly #steering: Steering<EngineChannel>;
  readonly #stopping = new AbortController();
  readonly #access: AccessRoom;
  readonly #capture: CaptureRoom | null;
  /** Why each failed version failed last, so that each reason is audited once. */
  readonly #auditedFailures = new Map<string, string | null>();
  readonly #metrics: ControlMetrics;
  readonly #registry: ReturnType<typeof createMetrics>["registry"];
  readonly #blocks: SharedBlocksOfAll;
  readonly #source: Source;
  readonly #engine: PickedEngine;
  readonly #transport: PickedTransport;
  #redis: RedisWake | null = null;
  #metricsListener: MetricsListener | null = null;

  /** Builds everything; nothing listens yet. */
  static async create(options: AppOptions): Promise<App> {
    const { config, secrets, log, pause } = options;
    const source = await createSource(config.modelRepository, {
      home: config.home,
      azure: secrets.azure,
      pause,
      log,
    });
    let app: App | null = null;
    const onAuditLost = () => app?.countAuditLoss();
    const access = await openAccessRoom(config, log, onAuditLost);
    try {
      app = new App(options, source, access, openCaptureRoom(config, log));
      return app;
    } catch (thrown) {
      await access.close();
      throw thrown;
    }
  }

  private constructor(
    options: AppOptions,
    source: Source,
    access: AccessRoom,
    capture: CaptureRoom | null,
  ) {
    const { config } = options;
    this.#options = options;
    this.#source = source;
    this.#access = access;
    this.#capture = capture;
    this.#engine = pickEngine(config.engine);
    this.#transport = pickTransport(config.httpTransport);
    this.#blocks = createBlocks(this.#httpThreads + 1);
    this.#threads = new ThreadGroup({
      onDenied: (denial) => {
        this.#metrics.denials.inc({ code: denial.code });
        this.#access.recordDenial(denial);
      },
      onSteer: (call) => this.#steering.steer(call),
      onLost: (role, reason) => options.onFatal(`the ${role} thread ended: ${reason}`),
    });
    const reader = new CounterReader(this.#blocks.counters);
    this.#manager = this.#createManager(source, reader);
    const metrics = createMetrics({
      counters: reader,
      gauge: new SharedGauge(this.#blocks.gauge),
      loaded: () =>
        this.#manager.loaded().map(({ info, loaded }) => ({
          ...info.id,
          slot: info.slot,
          batches: loaded.batches,
        })),
      statuses: () => this.#manager.statuses(),
      inflightBytes: () => new ByteBudget(this.#blocks.bytes, 0).usedBytes,
      isReady: () => this.#manager.isReady,
      capture: capture?.counters ?? null,
    });
    this.#metrics = metrics.control;
    this.#registry = metrics.registry;
    this.#reconciler = new Reconciler({
      source,
      manager: this.#manager,
      pollMs: config.repositoryPollSecs * MS_PER_SECOND,
      pollsOnce: config.modelControlMode === "none",
      nowMs: Date.now,
      random: Math.random,
      onPoll: (outcome) => this.#onPoll(outcome),
      onFault: (thrown) => this.#onFault(thrown),
    });
    this.#steering = new Steering({
      manager: this.#manager,
      bus: this.#bus,
      nudge: () => this.#reconciler.nudge(),
      record: (entry) => access.record(entry),
      stopping: this.#stopping.signal,
    });
    this.#bus.subscribe((event) => this.#onState(event));
  }

  get bus(): StateBus {
    return this.#bus;
  }

  get isReady(): boolean {
    return this.#manager.isReady;
  }

  get sourceDescription(): string {
    return this.#source.description;
  }

  /** Opens every port, then starts reading the repository. Rejects when a port cannot be had. */
  async start(): Promise<Endpoints> {
    const { config, log } = this.#options;
    const http = await this.#startHttpThreads();
    const grpc = await this.#threads.start(this.#birth("grpc", this.#httpThreads, config.grpcPort));
    this.#metricsListener = await startMetricsListener(
      this.#registry,
      config.host,
      config.metricsPort,
    );
    this.#access.watchKeys((records) => this.#threads.setKeys(records));
    if (config.redisUrl !== null) {
      this.#redis = watchRedis(
        config.redisUrl,
        config.modelRepository,
        () => this.#reconciler.wake(),
        log,
      );
    }
    this.#reconciler.start();
    return {
      httpPort: http.port,
      grpcPort: grpc.port,
      metricsPort: this.#metricsListener.port,
      transport: this.#transport.text,
      engine: this.#engine.text,
      threads: this.#httpThreads,
    };
  }

  /** Probes answer "not ready" from now on; requests are still served. */
  setUnready(): void {
    this.#threads.setUnready();
  }

  /**
   * Stops in order: no new steps, no new requests, what is in flight is answered, threads end,
   * memory is freed. Returns false when a request was cut off by the deadline. No started native
   * call is ever aborted (that would abort the process): this waits for it.
   */
  async stop(deadlineMs: number): Promise<boolean> {
    this.#stopping.abort();
    this.#redis?.close();
    const reconciled = this.#reconciler.stop();
    const isClean = await this.#threads.stop(deadlineMs);
    await this.#capture?.stop();
    await reconciled;
    await this.#manager.unloadAll();
    await this.#metricsListener?.close();
    await this.#access.close();
    return isClean;
  }

  get #httpThreads(): number {
    return this.#transport.kind === "uws" ? this.#options.config.threads : 1;
  }

  async #startHttpThreads(): Promise<{ port: number }> {
    const { config } = this.#options;
    const port = await probePort(config.host, config.httpPort);
    for (let i = 0; i < this.#httpThreads; i++) {
      await this.#threads.start(this.#birth("http", i, port));
    }
    return { port };
  }

  #birth(role: ThreadBirth["role"], index: number, port: number): ThreadBirth {
    const { config } = this.#options;
    return {
      role,
      index,
      transport: this.#transport.kind,
      engine: this.#engine.name,
      host: config.host,
      port,
      logLevel: config.logLevel,
      access: this.#access.mode,
      allowedHosts:
        this.#access.mode.kind === "open" && isLoopback(config.host) ? "loopback" : "any",
      maxBodyBytes: config.maxBodyBytes,
      maxInflightBytes: config.maxInflightBytes,
      maxStreamInflight: config.maxStreamInflight,
      maxStreamEgressBytes: config.maxStreamEgressBytes,
      shared: {
        bytes: this.#blocks.bytes,
        gauge: this.#blocks.gauge,
        counters: this.#blocks.counters[index] as SharedArrayBuffer,
      },
      capture: this.#capture?.connect() ?? null,
    };
  }

  #createManager(source: Source, reader: CounterReader): Manager<EngineChannel> {
    const { config, pause, log } = this.#options;
    const bringer = new VersionBringer<EngineChannel>({
      source,
      vetter: createProcessVetter({
        engine: this.#engine.name,
        verdictDir: join(config.home, "cache", "verdicts"),
        timeoutMs: config.vetTimeoutMs,
        maxRssBytes: config.vetMaxRssBytes,
      }),
      loader: this.#createEngine(),
      slots: createSlotPool(MAX_SLOTS, (slot) => reader.clear(slot)),
      nowMs: Date.now,
      maxQueue: config.maxQueue,
      maxBatchRows: config.maxBatchRows,
      onFailure: (id, thrown) =>
        log.error({ ...id, err: thrown }, "a version cannot be brought up"),
      pause,
    });
    const isExplicit = config.modelControlMode === "explicit";
    return new Manager<EngineChannel>({
      bringer,
      publisher: this.#threads,
      bus: this.#bus,
      nowMs: Date.now,
      onFault: (thrown) => this.#onFault(thrown),
      explicit: isExplicit ? new Set(config.loadModel) : null,
    });
  }

  #createEngine(): Loader<EngineChannel> {
    const { config, log } = this.#options;
    const { addon } = this.#engine;
    const threads = engineThreads(config, this.#engine.name, availableParallelism());
    if (addon !== null) {
      return createNativeEngine({ addon, ...threads, inlineBudgetUs: config.inlineBudgetUs });
    }
    return createPortableEngine({
      ...threads,
      onSlotLost: (key, reason, refillInMs) => {
        this.#metrics.engineThreadsLost.inc();
        log.error({ key, reason, refillInMs }, "an engine thread ended by itself");
      },
    });
  }

  #onPoll(outcome: PollOutcome): void {
    this.#metrics.polls.inc({ outcome: outcome.kind });
    if (outcome.kind === "failed") {
      this.#options.log.warn(
        { reason: outcome.reason },
        "the repository could not be read; serving what is loaded",
      );
      return;
    }
    this.#metrics.lastPollSeconds.setToCurrentTime();
    if (outcome.kind === "changed") {
      this.#options.log.info({ generation: outcome.generation }, "the repository changed");
    }
  }

  countAuditLoss(): void {
    this.#metrics.auditFailures.inc();
  }

  /** A fault of our own on the control path: what serves goes on serving. */
  #onFault(thrown: unknown): void {
    this.#options.log.error({ err: thrown }, "the control path met a fault");
  }

  /** Retries of a failed version go on for ever; only a new reason is a new fact. */
  #isAudited(version: string, to: VersionState, reason: string | null): boolean {
    if (to === "failed") {
      if (this.#auditedFailures.get(version) === reason) return false;
      this.#auditedFailures.set(version, reason);
      return true;
    }
    if (to === "ready") this.#auditedFailures.delete(version);
    return to === "ready" || to === "unloaded";
  }

  #onState({ id, from, to, reason }: StateEvent): void {
    this.#metrics.transitions.inc({ to });
    // It may be wanted again since its unload began.
    if (to === "unloaded") this.#reconciler.nudge();
    const line = { model: id.model, version: id.version, from, to, reason };
    if (to === "failed") this.#options.log.error(line, "version failed");
    else this.#options.log.info(line, "version state");
    if (!this.#isAudited(`${id.model}/${id.version}`, to, reason)) return;
    this.#access.record({
      actor: "sluice",
      action: `version.${to}`,
      target: `${id.model}/${id.version}`,
      outcome: to === "failed" ? "failed" : "ok",
      details: { reason },
    });
  }
}

interface SharedBlocksOfAll {
  readonly bytes: SharedArrayBuffer;
  readonly gauge: SharedArrayBuffer;
  readonly counters: readonly SharedArrayBuffer[];
}

function createBlocks(threads: number): SharedBlocksOfAll {
  return {
    bytes: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
    gauge: createGaugeBlock(),
    counters: Array.from({ length: threads }, createCounterBlock),
  };
}
