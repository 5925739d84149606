import { InferError, type StatusCode, toInferError } from "../protocols/core/status.ts";
import type { AuditEntry } from "./access/audit-record.ts";
import { createDeferred } from "./lib/deferred.ts";
import type { Manager } from "./models/manager.ts";
import type { StateBus } from "./models/state-bus.ts";
import type { SteerError } from "./threads/messages.ts";
import type { SteerCall } from "./threads/thread-group.ts";

export interface SteeringParts<Channel> {
  readonly manager: Manager<Channel>;
  readonly bus: StateBus;
  /** Makes the reconciler look now. */
  readonly nudge: () => void;
  readonly record: (entry: AuditEntry) => void;
  /** Aborted when the server stops: open calls are answered then. */
  readonly stopping: AbortSignal;
}

const LOOK_AGAIN_MS = 500;

/**
 * Load and unload calls of explicit mode. A load is answered once every thread serves the model, or
 * says why it does not; never later than the attempt that it asked for, or the server's end.
 */
export class Steering<Channel> {
  readonly #parts: SteeringParts<Channel>;

  constructor(parts: SteeringParts<Channel>) {
    this.#parts = parts;
  }

  /** null: done. Never rejects. */
  async steer(call: SteerCall): Promise<SteerError | null> {
    const error = await this.#perform(call).then(
      () => null,
      (thrown: unknown) => toInferError(thrown),
    );
    this.#parts.record({
      actor: call.principal,
      action: `model.${call.action}`,
      target: call.model,
      outcome: error === null ? "ok" : "failed",
      details: { reason: error?.message ?? null },
    });
    if (error === null) return null;
    return { code: error.code satisfies StatusCode, message: error.message };
  }

  async #perform({ action, model }: SteerCall): Promise<void> {
    const { manager, nudge } = this.#parts;
    manager.steer(action, model);
    nudge();
    if (action === "load") {
      await this.#whenSettled(model);
      const why = manager.explain(model);
      if (why !== null)
        throw new InferError("unavailable", `model '${model}' did not load: ${why}`);
    }
    await manager.published;
  }

  async #whenSettled(model: string): Promise<void> {
    const { manager, bus, stopping } = this.#parts;
    if (stopping.aborted) throw new InferError("draining", "the server is shutting down");
    const settled = createDeferred<void>();
    const check = () => {
      if (manager.isSettled(model)) settled.resolve();
    };
    const unsubscribe = bus.subscribe(({ id }) => {
      if (id.model === model) check();
    });
    // That no room came free is no step of the lifecycle, and so no event.
    const timer = setInterval(check, LOOK_AGAIN_MS);
    const onStop = () => settled.reject(new InferError("draining", "the server is shutting down"));
    stopping.addEventListener("abort", onStop, { once: true });
    try {
      check();
      await settled.promise;
    } finally {
      clearInterval(timer);
      unsubscribe();
      stopping.removeEventListener("abort", onStop);
    }
  }
}
