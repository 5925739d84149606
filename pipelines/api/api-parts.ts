import type { BatchRows } from "../outlets/batch-rows.ts";
import type { Project } from "../project/project.ts";
import type { Store } from "../store/store.ts";

/** What the API may set off. */
export interface Triggers {
  /** Pull this feed now, whatever its schedule says; resolves when it was noted for good. */
  pull(feed: string): Promise<void>;
  /** Train this model now, whatever the rules say; likewise. */
  train(model: string): Promise<void>;
}

/** What the routes work on. */
export interface ApiParts {
  readonly store: Store;
  /** As it is now: the file may change under a running process. */
  readonly project: () => Project;
  readonly rows: BatchRows;
  readonly triggers: Triggers;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}
