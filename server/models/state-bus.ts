import type { VersionState } from "./lifecycle.ts";
import type { ServableId } from "./servable.ts";

/** One step in the life of a version, told once to everyone who listens on the control thread. */
export interface StateEvent {
  readonly id: ServableId;
  readonly from: VersionState;
  readonly to: VersionState;
  readonly reason: string | null;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

type StateListener = (event: StateEvent) => void;

/** Published states. Listeners run synchronously, in the order in which they subscribed. */
export class StateBus {
  readonly #listeners = new Set<StateListener>();

  /** Returns how to stop listening. */
  subscribe(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(event: StateEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
