import type { Manager } from "./manager.ts";
import type { Source } from "./source.ts";

export interface ReconcilerParts<Channel> {
  readonly source: Source;
  readonly manager: Manager<Channel>;
  readonly pollMs: number;
  /** Stop polling after the first reading (modelControlMode none). */
  readonly pollsOnce: boolean;
  readonly nowMs: () => number;
  /** 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly onPoll: (outcome: PollOutcome) => void;
  /** A step that threw, which is a bug; the loop goes on after a pause. */
  readonly onFault: (thrown: unknown) => void;
}

export type PollOutcome =
  | { readonly kind: "changed"; readonly generation: number }
  | { readonly kind: "unchanged" }
  | { readonly kind: "failed"; readonly reason: string };

const JITTER = 0.2;
const RETRY_FIRST_MS = 500;
const FAULT_PAUSE_MS = 1000;

/**
 * Runs the control path: one loop reads the repository, another brings the server to it. They are
 * apart so that a rollback takes effect while a long load is under way.
 */
export class Reconciler<Channel> {
  readonly #parts: ReconcilerParts<Channel>;
  readonly #stop = new AbortController();
  readonly #pollBell = new Bell();
  readonly #reconcileBell = new Bell();
  #failures = 0;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(parts: ReconcilerParts<Channel>) {
    this.#parts = parts;
  }

  start(): void {
    this.#loops = Promise.all([this.#pollLoop(), this.#reconcileLoop()]);
  }

  /** A hint that the repository changed. */
  wake(): void {
    this.#pollBell.ring();
  }

  /** A hint that what is wanted changed. */
  nudge(): void {
    this.#reconcileBell.ring();
  }

  /** Ends both loops after the step under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#pollBell.ring();
    this.#reconcileBell.ring();
    await this.#loops;
  }

  async #pollLoop(): Promise<void> {
    const unwatch = this.#parts.source.watch(() => this.wake());
    let isFirst = true;
    while (!this.#stop.signal.aborted) {
      const outcome = await this.#poll(isFirst);
      isFirst = false;
      if (this.#stop.signal.aborted) break;
      this.#parts.onPoll(outcome);
      if (outcome.kind === "changed") this.nudge();
      if (this.#parts.pollsOnce && outcome.kind !== "failed") break;
      await this.#pollBell.wait(this.#pauseMs());
    }
    unwatch();
  }

  async #poll(isFirst: boolean): Promise<PollOutcome> {
    const { source, manager } = this.#parts;
    try {
      const set = await source.poll(this.#stop.signal);
      if (this.#failures > 0) this.#afterOutage();
      if (set === null) return { kind: "unchanged" };
      manager.setWanted(set);
      return { kind: "changed", generation: set.generation };
    } catch (thrown) {
      this.#failures += 1;
      const known = isFirst ? await source.lastKnown() : null;
      if (known !== null) {
        manager.setWanted(known);
        this.nudge();
      }
      return { kind: "failed", reason: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }

  /** What could not be fetched meanwhile need not wait for the end of its own back-off. */
  #afterOutage(): void {
    this.#failures = 0;
    this.#parts.manager.retrySoon();
    this.nudge();
  }

  #pauseMs(): number {
    const { pollMs, random } = this.#parts;
    const backOffMs = RETRY_FIRST_MS * 2 ** Math.min(this.#failures, 16);
    const baseMs = this.#failures === 0 ? pollMs : Math.min(backOffMs, pollMs);
    return baseMs * (1 - JITTER + 2 * JITTER * random());
  }

  async #step(): Promise<boolean> {
    try {
      return await this.#parts.manager.reconcileOnce(this.#stop.signal);
    } catch (thrown) {
      this.#parts.onFault(thrown);
      await this.#reconcileBell.wait(FAULT_PAUSE_MS);
      return true;
    }
  }

  async #reconcileLoop(): Promise<void> {
    const { manager, nowMs } = this.#parts;
    while (!this.#stop.signal.aborted) {
      if (await this.#step()) continue;
      const retryMs = manager.nextRetryMs();
      await this.#reconcileBell.wait(retryMs === null ? null : Math.max(0, retryMs - nowMs()));
    }
  }
}

/** Wakes one waiter; a ring while nobody waits is kept for the next wait. */
class Bell {
  #isRung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or after `ms` (null: only at a ring). */
  async wait(ms: number | null): Promise<void> {
    if (!this.#isRung) {
      await new Promise<void>((resolve) => {
        const timer = ms === null ? null : setTimeout(resolve, ms);
        this.#wake = () => {
          if (timer !== null) clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = null;
    this.#isRung = false;
  }
}
