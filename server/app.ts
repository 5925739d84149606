import { createKeyGatekeeper, createOpenGatekeeper, type Denial } from "./access/key-gatekeeper.ts";
import { createQuotaBlock } from "./access/quotas.ts";
import type { AccessRoom } from "./access-room.ts";
import { openAccessRoom } from "./access-room.ts";
import { AdminRoom } from "./admin-room.ts";
import type { Config } from "./config/config.ts";
import { readModelPolicies } from "./config/model-policies.ts";
import type { Secrets } from "./config/secrets.ts";
import type { EngineChannel } from "./engine/connect.ts";
import { type PickedEngine, pickEngine } from "./engine/pick-engine.ts";
import { isLoopback } from "./lib/local-host.ts";
import type { Logger, LogLevel } from "./lib/log.ts";
import { type MetricsListener, startMetricsListener } from "./lib/metrics-listener.ts";
import { probePort } from "./lib/probe-port.ts";
import { ModelRoom } from "./model-room.ts";
import type { StateBus } from "./models/state-bus.ts";
import type { VersionRecord } from "./models/version-record.ts";
import { type CaptureRoom, openCaptureRoom } from "./observe/capture/capture-room.ts";
import type { ControlMetrics } from "./observe/metrics/control-metrics.ts";
import { createMetrics } from "./observe/metrics/create-metrics.ts";
import { ByteBudget } from "./request/byte-budget.ts";
import type { VersionStatistics } from "./request/version-statistics.ts";
import { createSource } from "./sources/create-source.ts";
import { type RedisWake, watchRedis } from "./sources/redis-wake.ts";
import type { WatchedSource } from "./sources/watched-source.ts";
import type { ControlAsk, ThreadBirth, ThreadRole } from "./threads/messages.ts";
import { readExplanation } from "./threads/read-explanation.ts";
import { countRuns, readStatistics } from "./threads/read-statistics.ts";
import { CounterReader, createCounterBlock, MAX_SLOTS } from "./threads/shared-counters.ts";
import { createGaugeBlock, SharedGauge } from "./threads/shared-gauge.ts";
import { createSlotPool } from "./threads/slot-pool.ts";
import { ThreadGroup } from "./threads/thread-group.ts";
import { UsageSampler } from "./threads/usage-sampler.ts";
import { TlsRoom, tlsFilesOf } from "./tls-room.ts";
import { type AdminListener, startAdminListener } from "./transport/admin/admin-listener.ts";
import { CONNECTION_CELL_BYTES, ConnectionLimit } from "./transport/connection-limit.ts";
import { type PickedTransport, pickTransport } from "./transport/http/pick-transport.ts";

export interface AppOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  /** Where each setting came from, for the admin port. */
  readonly origins: ReadonlyMap<string, string>;
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
  readonly adminPort: number;
  /** "uWebSockets.js" or "node:http", and why when it is the latter. */
  readonly transport: string;
  /** "native, ONNX Runtime …", or "portable, …" and why. */
  readonly engine: string;
  readonly threads: number;
}

/**
 * The composition root: builds every part and draws the arrows between them. Runs on the main
 * thread, which serves no requests.
 */
export class App {
  readonly #options: AppOptions;
  readonly #threads: ThreadGroup;
  readonly #models: ModelRoom;
  readonly #access: AccessRoom;
  readonly #capture: CaptureRoom | null;
  readonly #metrics: ControlMetrics;
  readonly #registry: ReturnType<typeof createMetrics>["registry"];
  readonly #blocks: SharedBlocksOfAll;
  readonly #source: WatchedSource;
  readonly #engine: PickedEngine;
  readonly #transport: PickedTransport;
  /** null: plain text. */
  readonly #tls: TlsRoom | null;
  #redis: RedisWake | null = null;
  #metricsListener: MetricsListener | null = null;
  #adminListener: AdminListener | null = null;

  /** Builds everything; nothing listens yet. */
  static async create(options: AppOptions): Promise<App> {
    const { config, secrets, log, pause } = options;
    let app: App | null = null;
    const source = await createSource(config.modelRepository, {
      home: config.home,
      azure: secrets.azure,
      maxCacheBytes: config.maxCacheBytes,
      held: () => app?.heldVersions ?? [],
      pause,
      log,
    });
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
    source: WatchedSource,
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
    const reader = new CounterReader(this.#blocks.counters);
    this.#threads = new ThreadGroup({
      onDenied: (denial) => {
        this.#metrics.denials.inc({ code: denial.code });
        this.#access.recordDenial(denial);
      },
      onSteer: (call) => this.#models.steering.steer(call),
      onColdLoad: (call) => this.#models.coldLoads.load(call),
      onAsk: (ask) => this.#answer(ask, reader),
      onLost: (role, reason) => options.onFatal(`the ${role} thread ended: ${reason}`),
    });
    const tlsFiles = tlsFilesOf(config);
    this.#tls =
      tlsFiles === null
        ? null
        : new TlsRoom(tlsFiles, options.log, () => this.#threads.renewCertificate());
    const gauge = new SharedGauge(this.#blocks.gauge);
    this.#models = new ModelRoom({
      config,
      log: options.log,
      source,
      engine: this.#engine,
      publisher: this.#threads,
      slots: createSlotPool(MAX_SLOTS, (slot) => reader.clear(slot)),
      usage: new UsageSampler(reader, gauge, Date.now),
      vitals: (slot) => ({ ...reader.engineOutcomes(slot), inFlight: gauge.read(slot) }),
      recordAudit: (entry) => access.record(entry),
      metrics: () => this.#metrics,
      pause: options.pause,
    });
    const { manager } = this.#models;
    const metrics = createMetrics({
      counters: reader,
      gauge,
      loaded: () =>
        manager.loaded().map(({ info, loaded }) => ({
          ...info.id,
          slot: info.slot,
          batches: loaded.batches,
        })),
      versions: () => manager.inspect(),
      modelBytes: () => manager.usedBytes,
      maxModelBytes: () => options.config.maxModelBytes,
      inflightBytes: () => new ByteBudget(this.#blocks.bytes, 0).usedBytes,
      connections: new Map(
        PORT_NAMES.map((name) => [name, new ConnectionLimit(this.#blocks.connections[name], 0)]),
      ),
      certificate: this.#tls,
      isReady: () => manager.isReady,
      source,
      capture: capture?.counters ?? null,
    });
    this.#metrics = metrics.control;
    this.#registry = metrics.registry;
  }

  get bus(): StateBus {
    return this.#models.bus;
  }

  get configuration(): Config {
    return this.#options.config;
  }

  /** Every version that this server knows of. */
  inspect(): readonly VersionRecord<EngineChannel>[] {
    return this.#models.manager.inspect();
  }

  /** Memory of loaded versions, as far as known. */
  get modelBytes(): number {
    return this.#models.manager.usedBytes;
  }

  /** Hashes of the manifests of versions that are loaded, under way or wanted. */
  get heldVersions(): readonly string[] {
    return this.inspect().map(({ manifestSha256 }) => manifestSha256);
  }

  get isReady(): boolean {
    return this.#models.manager.isReady;
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
    this.#tls?.start();
    this.#adminListener = await this.#startAdmin();
    if (config.redisUrl !== null) {
      this.#redis = watchRedis(
        config.redisUrl,
        config.modelRepository,
        () => this.#models.reconciler.wake(),
        log,
      );
    }
    this.#models.reconciler.start();
    return {
      httpPort: http.port,
      grpcPort: grpc.port,
      metricsPort: this.#metricsListener.port,
      adminPort: this.#adminListener.port,
      transport: this.#transport.text,
      engine: this.#engine.text,
      threads: this.#httpThreads,
    };
  }

  /** The admin port, with a gatekeeper of the control thread's own. */
  #startAdmin(): Promise<AdminListener> {
    const { config, origins, log } = this.#options;
    const gauge = new SharedGauge(this.#blocks.gauge);
    const counters = new CounterReader(this.#blocks.counters);
    const view = new AdminRoom({
      loaded: { config, origins },
      models: this.#models,
      inFlight: (slot) => gauge.read(slot),
      explain: async ({ info, loaded }) => {
        const told = await this.#threads.explain(info.key);
        return readExplanation(counters, gauge, { info, loaded, ...told });
      },
      isPinned: readModelPolicies(config).isPinned,
      about: {
        repository: this.#source.description,
        engine: this.#engine.text,
        transport: this.#transport.text,
      },
      recordAudit: (entry) => this.#access.record(entry),
    });
    const onDenied = (denial: Denial) => {
      this.#metrics.denials.inc({ code: denial.code });
      this.#access.recordDenial(denial);
    };
    const { mode } = this.#access;
    if (mode.kind === "open") {
      // Only who sits at this machine reaches it.
      const gatekeeper = createOpenGatekeeper("admin", onDenied);
      return startAdminListener({ view, gatekeeper, log }, config.adminPort);
    }
    const gatekeeper = createKeyGatekeeper(mode.records, Date.now, onDenied);
    this.#access.watchKeys((records) => {
      this.#threads.setKeys(records);
      gatekeeper.replace(records);
    });
    return startAdminListener({ view, gatekeeper, log }, config.adminPort);
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
    const reconciled = this.#models.stop();
    this.#redis?.close();
    this.#tls?.stop();
    const isClean = await this.#threads.stop(deadlineMs);
    await this.#capture?.stop();
    await reconciled;
    await this.#models.manager.unloadAll();
    await this.#metricsListener?.close();
    await this.#adminListener?.close();
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
      tls: tlsFilesOf(config),
      maxConnections: config.maxConnections,
      logLevel: config.logLevel,
      access: this.#access.mode,
      allowedHosts:
        this.#access.mode.kind === "open" && isLoopback(config.host) ? "loopback" : "any",
      corsOrigins: config.corsOrigins,
      maxBodyBytes: config.maxBodyBytes,
      maxInflightBytes: config.maxInflightBytes,
      maxStreamInflight: config.maxStreamInflight,
      compressFromBytes: config.compressFromBytes,
      jsonNonFinite: config.jsonNonFinite,
      maxStreamEgressBytes: config.maxStreamEgressBytes,
      shared: {
        bytes: this.#blocks.bytes,
        gauge: this.#blocks.gauge,
        connections: this.#blocks.connections[role],
        quotas: this.#blocks.quotas,
        counters: this.#blocks.counters[index] as SharedArrayBuffer,
      },
      capture: this.#capture?.connect() ?? null,
    };
  }

  #answer(ask: ControlAsk, reader: CounterReader): readonly VersionStatistics[] {
    if (ask.kind === "set-log-level") {
      this.#setLogLevel(ask.level, ask.principal);
      return [];
    }
    return this.#models.manager.loaded().map(({ info, loaded }) => {
      const { id, slot } = info;
      return readStatistics(reader, { id, slot, executions: countRuns(loaded.batches) });
    });
  }

  #setLogLevel(level: LogLevel, principal: string): void {
    this.#options.log.level = level;
    this.#threads.setLogLevel(level);
    const details = { level };
    const action = "log.level";
    this.#access.record({ actor: principal, action, target: null, outcome: "ok", details });
  }

  countAuditLoss(): void {
    this.#metrics.auditFailures.inc();
  }
}

const PORT_NAMES = ["http", "grpc"] as const satisfies readonly ThreadRole[];

interface SharedBlocksOfAll {
  readonly bytes: SharedArrayBuffer;
  readonly gauge: SharedArrayBuffer;
  readonly connections: Readonly<Record<ThreadRole, SharedArrayBuffer>>;
  readonly quotas: SharedArrayBuffer;
  readonly counters: readonly SharedArrayBuffer[];
}

function createBlocks(threads: number): SharedBlocksOfAll {
  return {
    bytes: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
    gauge: createGaugeBlock(),
    connections: {
      http: new SharedArrayBuffer(CONNECTION_CELL_BYTES),
      grpc: new SharedArrayBuffer(CONNECTION_CELL_BYTES),
    },
    quotas: createQuotaBlock(),
    counters: Array.from({ length: threads }, createCounterBlock),
  };
}
