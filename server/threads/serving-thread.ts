/**
 * Entry of a serving thread: one listener (HTTP with WebSocket, or gRPC) and the pipeline under it.
 * Speaks only to the control thread (parentPort) and to engine threads (ports in publications).
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { LabelRecord } from "../../protocols/capture/capture-record.ts";
import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import { InferError } from "../../protocols/core/status.ts";
import { installNumberAccelerator } from "../../protocols/oip-rest/number-accelerator.ts";
import type { Gatekeeper } from "../access/gatekeeper.ts";
import {
  createKeyGatekeeper,
  createOpenGatekeeper,
  type Denial,
  type KeyGatekeeper,
} from "../access/key-gatekeeper.ts";
import type { Principal } from "../access/principal.ts";
import { Quotas } from "../access/quotas.ts";
import { loadNumberFunctions } from "../engine/native-runtime.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import { createLogger, type Logger, type LogLevel } from "../lib/log.ts";
import type { ServableKey } from "../models/servable.ts";
import { ThreadCapture } from "../observe/capture/thread-capture.ts";
import { ByteBudget } from "../request/byte-budget.ts";
import { Pipeline } from "../request/pipeline.ts";
import type { VersionStatistics } from "../request/version-statistics.ts";
import { ConnectionLimit } from "../transport/connection-limit.ts";
import { createGrpcListener } from "../transport/grpc/grpc-listener.ts";
import { createNodeListener } from "../transport/http/node-listener.ts";
import { createUwsListener } from "../transport/http/uws-listener.ts";
import type { Listener, ServingContext } from "../transport/serving-context.ts";
import type { ControlAsk, FromThread, ThreadBirth, ToThread } from "./messages.ts";
import { CounterWriter } from "./shared-counters.ts";
import { SharedGauge } from "./shared-gauge.ts";
import { ThreadColdLoads } from "./thread-cold-loads.ts";
import { ThreadServing } from "./thread-serving.ts";

const BODY_TIMEOUT_MS = 30_000;

class ServingThread {
  readonly #birth: ThreadBirth;
  readonly #control: MessagePort;
  readonly #serving: ThreadServing;
  readonly #log: Logger;
  readonly #capture: ThreadCapture | null;
  readonly #coldLoads = new ThreadColdLoads((message) => this.#tell(message));
  readonly #steerCalls = new Map<number, Deferred<void>>();
  readonly #quotas: Quotas | null;
  #keys: KeyGatekeeper | null = null;
  #listener: Listener | null = null;
  #isReady = false;
  #isUnready = false;
  #isDraining = false;
  readonly #asks = new Map<number, Deferred<readonly VersionStatistics[]>>();
  #nextCallId = 1;

  constructor(birth: ThreadBirth, control: MessagePort) {
    this.#birth = birth;
    this.#control = control;
    this.#log = createLogger(birth.logLevel, `${birth.role}-${birth.index}`);
    this.#capture = birth.capture === null ? null : new ThreadCapture(birth.capture);
    const { access, shared } = birth;
    this.#quotas =
      access.kind === "keys" ? new Quotas(shared.quotas, access.records, epochNowMs) : null;
    this.#serving = new ThreadServing((key) => this.#tell({ kind: "released", key }));
  }

  async start(): Promise<void> {
    this.#control.on("message", (message: ToThread) => this.#onMessage(message));
    try {
      this.#listener = await this.#listen(this.#createContext());
      const { port, name } = this.#listener;
      this.#tell({ kind: "listening", port, transport: name });
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      this.#tell({ kind: "stillborn", reason });
      this.#capture?.close();
      this.#control.close();
    }
  }

  #listen(context: ServingContext): Promise<Listener> {
    const { role, transport, host, port, tls, maxBodyBytes } = this.#birth;
    if (role === "grpc") {
      return createGrpcListener(context, { host, port, tls, maxMessageBytes: maxBodyBytes });
    }
    const options = { ...this.#birth, bodyTimeoutMs: BODY_TIMEOUT_MS };
    return transport === "uws"
      ? createUwsListener(context, options)
      : createNodeListener(context, options);
  }

  #createContext(): ServingContext {
    const { shared, maxBodyBytes, maxInflightBytes, maxConnections } = this.#birth;
    const pipeline = new Pipeline({
      serving: () => this.#serving.map,
      gauge: new SharedGauge(shared.gauge),
      bytes: new ByteBudget(shared.bytes, maxInflightBytes),
      recorder: new CounterWriter(shared.counters),
      limits: { ...DEFAULT_LIMITS, maxBodyBytes },
      capture: this.#capture,
      coldLoads: this.#coldLoads,
      quotas: this.#quotas,
    });
    return {
      pipeline,
      gatekeeper: this.#createGatekeeper(),
      log: this.#log,
      connections: new ConnectionLimit(shared.connections, maxConnections),
      isReady: () => this.#isReady && !this.#isUnready,
      isDraining: () => this.#isDraining,
      steer: (action, model, principal) => this.#steer(action, model, principal),
      statistics: () => this.#ask({ kind: "statistics" }),
      logLevel: () => this.#log.level as LogLevel,
      setLogLevel: async (level, principal) => {
        await this.#ask({ kind: "set-log-level", level, principal: principal.id });
      },
      storeLabels: (records) => this.#storeLabels(records),
    };
  }

  #createGatekeeper(): Gatekeeper {
    const { access } = this.#birth;
    const onDenied = (denial: Denial) => this.#tell({ kind: "denied", denial });
    if (access.kind === "open") return createOpenGatekeeper(access.role, onDenied);
    this.#keys = createKeyGatekeeper(access.records, Date.now, onDenied);
    return this.#keys;
  }

  #onMessage(message: ToThread): void {
    switch (message.kind) {
      case "publish":
        this.#serving.apply(message);
        this.#isReady = message.isReady;
        this.#tell({ kind: "served", generation: message.generation });
        break;
      case "keys":
        this.#keys?.replace(message.records);
        this.#quotas?.replace(message.records);
        break;
      case "steered":
        this.#settleSteer(message.callId, message.error);
        break;
      case "renew-certificate":
        void this.#renewCertificate(message.renewal);
        break;
      case "cold-loaded":
        this.#coldLoads.settle(message.callId, message.error);
        break;
      case "abandon":
        this.#serving.abandon(message.key);
        break;
      case "told":
        this.#asks.get(message.callId)?.resolve(message.statistics);
        this.#asks.delete(message.callId);
        break;
      case "log-level":
        this.#log.level = message.level;
        break;
      case "explain":
        this.#explain(message.callId, message.key);
        break;
      case "unready":
        this.#isUnready = true;
        break;
      case "stop":
        void this.#stop(message.deadlineMs);
        break;
    }
  }

  #explain(callId: number, key: ServableKey): void {
    const { role, index } = this.#birth;
    const told = this.#serving.explain(key, epochNowMs());
    const explanation = told === null ? null : { thread: `${role}-${index}`, ...told };
    this.#tell({ kind: "explained", callId, explanation });
  }

  async #renewCertificate(renewal: number): Promise<void> {
    let failure: string | null = null;
    try {
      await this.#listener?.renewCertificate();
    } catch (thrown) {
      failure = thrown instanceof Error ? thrown.message : String(thrown);
    }
    this.#tell({ kind: "renewed", renewal, failure });
  }

  #steer(action: "load" | "unload", model: string, principal: Principal): Promise<void> {
    const callId = this.#nextCallId++;
    const call = createDeferred<void>();
    this.#steerCalls.set(callId, call);
    this.#tell({ kind: "steer", callId, action, model, principal: principal.id });
    return call.promise;
  }

  #ask(ask: ControlAsk): Promise<readonly VersionStatistics[]> {
    const callId = this.#nextCallId++;
    const answer = createDeferred<readonly VersionStatistics[]>();
    this.#asks.set(callId, answer);
    this.#tell({ kind: "ask", callId, ask });
    return answer.promise;
  }

  async #storeLabels(records: readonly LabelRecord[]): Promise<void> {
    if (this.#capture !== null) return this.#capture.storeLabels(records);
    throw new InferError(
      "conflict",
      "labels are kept where predictions are captured; this server has neither captureFolder nor captureStream",
    );
  }

  #settleSteer(callId: number, error: { code: InferError["code"]; message: string } | null): void {
    const call = this.#steerCalls.get(callId);
    this.#steerCalls.delete(callId);
    if (error === null) call?.resolve();
    else call?.reject(new InferError(error.code, error.message));
  }

  /** The thread ends by itself once its listener and ports are closed; nothing terminates it. */
  async #stop(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    let isClean = true;
    try {
      this.#listener?.stopAccepting();
      await this.#listener?.close(deadlineMs);
    } catch (thrown) {
      isClean = false;
      this.#log.warn({ err: thrown }, "requests were cut off by the exit deadline");
    }
    this.#capture?.close();
    this.#tell({ kind: "stopped", isClean });
    this.#serving.apply({ kind: "publish", generation: -1, isReady: false, models: [], added: [] });
    this.#control.close();
  }

  #tell(message: FromThread): void {
    this.#control.postMessage(message);
  }
}

if (parentPort !== null) {
  const birth = workerData as ThreadBirth;
  installNumberAccelerator(birth.engine === "native" ? loadNumberFunctions() : null);
  await new ServingThread(birth, parentPort).start();
}
