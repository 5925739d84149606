import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../server/lib/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { BatchRows } from "../outlets/batch-rows.ts";
import { deliverDue } from "../outlets/deliver-outbox.ts";
import { syncViews } from "../outlets/view.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import type { Store } from "../store/store.ts";

export interface OutletPumpParts {
  readonly store: Store;
  readonly rows: BatchRows;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly project: () => LoadedProject;
  readonly metrics: Metrics;
  readonly log: Logger;
}

const ROUND_MS = 1_000;

/** Keeps webhooks and views up with the landed batches, round after round. */
export class OutletPump {
  readonly #parts: OutletPumpParts;

  constructor(parts: OutletPumpParts) {
    this.#parts = parts;
  }

  /** Resolves after the signal, when the round in progress has ended. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#round(signal);
      } catch (error) {
        this.#parts.log.error({ err: error }, "a round of deliveries failed");
      }
      await delay(ROUND_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { store, rows, env, metrics, log } = this.#parts;
    const { project, folder } = this.#parts.project();
    const options = { store, project, rows, env, projectFolder: folder, nowMs: Date.now(), signal };
    for (const { outlet, delivered, retried, dead, problem } of await deliverDue(options)) {
      metrics.outletDelivered(outlet, "delivered", delivered);
      metrics.outletDelivered(outlet, "retried", retried);
      metrics.outletDelivered(outlet, "dead", dead);
      if (problem !== null) log.warn({ outlet }, problem);
    }
    for (const { outlet, rows: count, problem } of await syncViews(options)) {
      metrics.viewFilled(outlet, count);
      if (problem !== null) log.warn({ outlet }, problem);
    }
  }
}
