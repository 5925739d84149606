import { Worker } from "node:worker_threads";
import type { Denial } from "../access/key-gatekeeper.ts";
import type { KeyRecord } from "../access/key-record.ts";
import type { EngineChannel } from "../engine/connect.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import type { LogLevel } from "../lib/log.ts";
import { siblingUrl } from "../lib/sibling-url.ts";
import type { Publication, Publisher } from "../models/publication.ts";
import type { ServableKey } from "../models/servable.ts";
import type { LoadedServable } from "../models/version-record.ts";
import type { ThreadExplanation } from "../request/version-explanation.ts";
import type { VersionStatistics } from "../request/version-statistics.ts";
import { Gatherings } from "./gatherings.ts";
import type {
  ControlAsk,
  FromThread,
  ModelNotice,
  ServableNotice,
  SteerError,
  ThreadBirth,
  ToThread,
} from "./messages.ts";

export interface SteerCall {
  readonly action: "load" | "unload";
  readonly model: string;
  readonly principal: string;
}

export interface ColdCall {
  readonly model: string;
  readonly version: number;
}

export interface ThreadEvents {
  readonly onDenied: (denial: Denial) => void;
  /** Answers a load or unload call. */
  readonly onSteer: (call: SteerCall) => Promise<SteerError | null>;
  /** Answers once the version serves, or says why it does not. Never rejects. */
  readonly onColdLoad: (call: ColdCall) => Promise<SteerError | null>;
  /** Answers what a thread asks; the statistics of all loaded versions where it asks for them. */
  readonly onAsk: (ask: ControlAsk) => readonly VersionStatistics[];
  /** A serving thread ended without being told to; the process cannot go on serving. */
  readonly onLost: (role: string, reason: string) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly birth: ThreadBirth;
  readonly port: number;
  readonly transport: string;
  readonly ended: Promise<void>;
  /** Servables that this thread holds a channel to. */
  readonly known: Set<ServableKey>;
  servedGeneration: number;
  /** The last answered call to renew the certificate, and what came of it. */
  renewal: number;
  renewalFailure: string | null;
  isStopping: boolean;
  isClean: boolean;
}

type Servable = LoadedServable<EngineChannel>;

/** A thread that does not answer within it is told of as silent. */
const EXPLAIN_TIMEOUT_MS = 1000;

/**
 * The serving threads as the control thread sees them: publications go out to all, and an
 * acknowledgement from each says that it serves by them.
 */
export class ThreadGroup implements Publisher<EngineChannel> {
  readonly #threads: Thread[] = [];
  readonly #events: ThreadEvents;
  readonly #waiters = new Set<{ isMet: () => boolean; deferred: Deferred<void> }>();
  readonly #explanations = new Gatherings<ThreadExplanation | null>();
  #generation = 0;
  #renewal = 0;
  #last: Publication<EngineChannel> = { models: [], isReady: false };

  constructor(events: ThreadEvents) {
    this.#events = events;
  }

  /** Starts a thread; resolves when it listens. Rejects with its reason when it cannot. */
  async start(birth: ThreadBirth): Promise<{ port: number; transport: string }> {
    const worker = new Worker(siblingUrl(import.meta.url, "serving-thread"), {
      workerData: birth,
      transferList: birth.capture === null ? [] : [birth.capture.port],
    });
    const listening = createDeferred<{ port: number; transport: string }>();
    const ended = createDeferred<void>();
    let thread: Thread | null = null;
    let failure = "it ended";
    worker.on("message", (message: FromThread) => {
      if (message.kind === "listening") listening.resolve(message);
      else if (message.kind === "stillborn") listening.reject(new Error(message.reason));
      else if (thread !== null) this.#onMessage(thread, message);
    });
    worker.on("error", (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      listening.reject(error);
    });
    worker.on("exit", () => {
      listening.reject(new Error(failure));
      ended.resolve();
      if (thread !== null) this.#onEnd(thread, failure);
    });
    const { port, transport } = await listening.promise;
    thread = {
      worker,
      birth,
      port,
      transport,
      ended: ended.promise,
      known: new Set(),
      servedGeneration: 0,
      renewal: 0,
      renewalFailure: null,
      isStopping: false,
      isClean: true,
    };
    this.#threads.push(thread);
    this.#publishTo(thread);
    return { port, transport };
  }

  publish(publication: Publication<EngineChannel>): Promise<void> {
    this.#last = publication;
    this.#generation += 1;
    for (const thread of this.#threads) this.#publishTo(thread);
    const generation = this.#generation;
    return this.#until(() => this.#threads.every((t) => t.servedGeneration >= generation));
  }

  abandon({ info }: Servable): void {
    for (const thread of this.#threads) this.#tell(thread, { kind: "abandon", key: info.key });
  }

  whenReleased(servable: Servable): Promise<void> {
    return this.#until(() => this.#threads.every((t) => !t.known.has(servable.info.key)));
  }

  setKeys(records: readonly KeyRecord[]): void {
    for (const thread of this.#threads) this.#tell(thread, { kind: "keys", records });
  }

  /**
   * All threads read the certificate files again; those that cannot use them keep the certificate before.
   * @returns why, one line a thread
   */
  async renewCertificate(): Promise<readonly string[]> {
    this.#renewal += 1;
    const renewal = this.#renewal;
    for (const thread of this.#threads) this.#tell(thread, { kind: "renew-certificate", renewal });
    await this.#until(() => this.#threads.every((t) => t.renewal >= renewal));
    return this.#threads.flatMap((t) => (t.renewalFailure === null ? [] : [t.renewalFailure]));
  }

  /** What the serving threads know of a servable, and how many did not answer in time. */
  async explain(
    key: ServableKey,
  ): Promise<{ threads: readonly ThreadExplanation[]; silentThreads: number }> {
    const asked = [...this.#threads];
    const told = await this.#explanations.gather(asked.length, EXPLAIN_TIMEOUT_MS, (callId) => {
      for (const thread of asked) this.#tell(thread, { kind: "explain", callId, key });
    });
    const threads = told.filter((each) => each !== null);
    threads.sort((a, b) => a.thread.localeCompare(b.thread, "en", { numeric: true }));
    return { threads, silentThreads: asked.length - told.length };
  }

  setLogLevel(level: LogLevel): void {
    for (const thread of this.#threads) this.#tell(thread, { kind: "log-level", level });
  }

  /** All threads report "not ready" from now on, and go on serving. */
  setUnready(): void {
    for (const thread of this.#threads) this.#tell(thread, { kind: "unready" });
  }

  /** Resolves when every thread has ended by itself; false when a request was cut off. */
  async stop(deadlineMs: number): Promise<boolean> {
    for (const thread of this.#threads) {
      thread.isStopping = true;
      this.#tell(thread, { kind: "stop", deadlineMs });
    }
    const threads = [...this.#threads];
    await Promise.all(threads.map((thread) => thread.ended));
    return threads.every((thread) => thread.isClean);
  }

  #publishTo(thread: Thread): void {
    if (thread.isStopping) return;
    const added: ServableNotice[] = [];
    const transferList: Transferable[] = [];
    for (const model of this.#last.models) {
      for (const servable of model.versions.values()) {
        if (thread.known.has(servable.info.key)) continue;
        thread.known.add(servable.info.key);
        const { channel, transferList: ports } = servable.loaded.connect();
        added.push({ info: servable.info, channel });
        transferList.push(...(ports as readonly Transferable[]));
      }
    }
    const message: ToThread = {
      kind: "publish",
      generation: this.#generation,
      isReady: this.#last.isReady,
      models: this.#last.models.map(toNotice),
      added,
    };
    thread.worker.postMessage(message, transferList as never);
  }

  #onMessage(thread: Thread, message: FromThread): void {
    switch (message.kind) {
      case "served":
        thread.servedGeneration = message.generation;
        this.#checkWaiters();
        break;
      case "released":
        thread.known.delete(message.key);
        this.#checkWaiters();
        break;
      case "denied":
        this.#events.onDenied(message.denial);
        break;
      case "renewed":
        thread.renewal = message.renewal;
        thread.renewalFailure = message.failure;
        this.#checkWaiters();
        break;
      case "steer":
        void this.#events.onSteer(message).then((error) => {
          this.#tell(thread, { kind: "steered", callId: message.callId, error });
        });
        break;
      case "cold-load":
        void this.#events.onColdLoad(message).then((error) => {
          this.#tell(thread, { kind: "cold-loaded", callId: message.callId, error });
        });
        break;
      case "ask": {
        const { callId, ask } = message;
        this.#tell(thread, { kind: "told", callId, statistics: this.#events.onAsk(ask) });
        break;
      }
      case "explained":
        this.#explanations.take(message.callId, message.explanation);
        break;
      case "stopped":
        thread.isClean = message.isClean;
        break;
      case "listening":
      case "stillborn":
        break;
    }
  }

  #onEnd(thread: Thread, reason: string): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    this.#checkWaiters();
    if (!thread.isStopping) this.#events.onLost(thread.birth.role, reason);
  }

  #tell(thread: Thread, message: ToThread): void {
    thread.worker.postMessage(message);
  }

  #until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    const deferred = createDeferred<void>();
    this.#waiters.add({ isMet, deferred });
    return deferred.promise;
  }

  #checkWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!waiter.isMet()) continue;
      this.#waiters.delete(waiter);
      waiter.deferred.resolve();
    }
  }
}

type Transferable = import("node:worker_threads").MessagePort;

function toNotice(model: Publication<EngineChannel>["models"][number]): ModelNotice {
  return {
    name: model.name,
    aliases: [...model.aliases],
    pendingAliases: model.pendingAliases,
    onRequest: model.onRequest,
    versions: [...model.versions].map(
      ([version, servable]) => [version, servable.info.key] as const,
    ),
    statuses: model.statuses,
  };
}
