import { InferError, toInferError } from "../protocols/core/status.ts";
import { createDeferred } from "./lib/deferred.ts";
import type { Manager } from "./models/manager.ts";
import type { StateBus } from "./models/state-bus.ts";
import type { SteerError } from "./threads/messages.ts";
import type { ColdCall } from "./threads/thread-group.ts";

export const COLD_LOAD_OUTCOMES = ["loaded", "failed", "timed-out"] as const;
export type ColdLoadOutcome = (typeof COLD_LOAD_OUTCOMES)[number];

export interface ColdLoadsParts<Channel> {
  readonly manager: Manager<Channel>;
  readonly bus: StateBus;
  /** Makes the reconciler look now. */
  readonly nudge: () => void;
  /** How long a request may wait. */
  readonly timeoutMs: () => number;
  readonly nowMs: () => number;
  /** Aborted when the server stops: open calls are answered then. */
  readonly stopping: AbortSignal;
  readonly onOutcome: (outcome: ColdLoadOutcome, tookMs: number) => void;
}

/** Requests for versions that are not in memory: one load a version, for all threads that ask. */
export class ColdLoadCalls<Channel> {
  readonly #parts: ColdLoadsParts<Channel>;
  readonly #underWay = new Map<string, Promise<SteerError | null>>();

  constructor(parts: ColdLoadsParts<Channel>) {
    this.#parts = parts;
  }

  /** null: every thread serves it. Never rejects. */
  load(call: ColdCall): Promise<SteerError | null> {
    const key = `${call.model}/${call.version}`;
    const running = this.#underWay.get(key);
    if (running !== undefined) return running;
    const started = this.#settle(call).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, started);
    return started;
  }

  async #settle(call: ColdCall): Promise<SteerError | null> {
    const { nowMs, onOutcome } = this.#parts;
    const startMs = nowMs();
    try {
      const hasCome = await this.#whenReady(call);
      onOutcome(hasCome ? "loaded" : "timed-out", nowMs() - startMs);
      return hasCome ? null : this.#explainTimeout(call);
    } catch (thrown) {
      onOutcome("failed", nowMs() - startMs);
      const { code, message } = toInferError(thrown);
      return { code, message };
    }
  }

  /** False: not in time. @throws InferError when it failed, or is not wanted any more */
  async #whenReady(call: ColdCall): Promise<boolean> {
    const { manager, bus, nudge, nowMs, stopping } = this.#parts;
    if (stopping.aborted) throw new InferError("draining", "the server is shutting down");
    const timeoutMs = this.#parts.timeoutMs();
    const settled = createDeferred<boolean>();
    const check = () => this.#check(call, settled);
    const unsubscribe = bus.subscribe(({ id }) => {
      if (id.model === call.model && id.version === call.version) check();
    });
    const timer = setTimeout(() => settled.resolve(false), timeoutMs);
    const onStop = () => settled.reject(new InferError("draining", "the server is shutting down"));
    stopping.addEventListener("abort", onStop, { once: true });
    try {
      manager.ask(call.model, call.version, nowMs() + timeoutMs);
      check();
      nudge();
      const hasCome = await settled.promise;
      await manager.published;
      return hasCome;
    } finally {
      clearTimeout(timer);
      unsubscribe();
      stopping.removeEventListener("abort", onStop);
    }
  }

  #check(
    { model, version }: ColdCall,
    settled: { resolve(hasCome: boolean): void; reject(error: InferError): void },
  ): void {
    const status = this.#parts.manager.statusOf({ model, version });
    if (status === null) {
      settled.reject(
        new InferError("version-not-found", `model '${model}' has no version ${version} any more`),
      );
    } else if (status.state === "ready") settled.resolve(true);
    else if (status.state === "failed") {
      settled.reject(
        new InferError(
          "model-not-ready",
          `model '${model}' version ${version} did not load: ${status.reason}`,
        ),
      );
    }
  }

  #explainTimeout({ model, version }: ColdCall): SteerError {
    const status = this.#parts.manager.statusOf({ model, version });
    const why = status?.reason ?? status?.state ?? "it is gone";
    return {
      code: "model-not-ready",
      message: `model '${model}' version ${version} was not loaded within ${this.#parts.timeoutMs()} ms (coldLoadTimeoutMs): ${why}`,
    };
  }
}
