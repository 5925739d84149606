import type { LoadedProject } from "../project/loaded-project.ts";
import type { Store } from "../store/store.ts";
import { addLabels } from "./commit/labels-from-batch.ts";
import type { BatchRow } from "./snapshot.ts";

export interface TakeLabelsParts {
  readonly store: Store;
  readonly project: LoadedProject;
  readonly home: string;
  readonly nowMs: number;
}

/** Of one call and entry: an entry that is new has a long past. */
const BATCHES_AT_ONCE = 20;

/**
 * Takes the rows of landed batches as labels where the project's `labels:` say so, each batch once an
 * entry; batches from before the entry too. Returns whether there was anything to take.
 */
export async function takeLabels(parts: TakeLabelsParts): Promise<boolean> {
  let isBusy = false;
  for (const [name, feed] of Object.entries(parts.project.project.labels)) {
    for (const batch of await untaken(parts.store, name, feed.dataset)) {
      isBusy = true;
      await parts.store.transaction().execute(async (tx) => {
        await addLabels({ ...parts, tx }, batch, name, feed);
        await tx
          .insertInto("label_batches")
          .values({ label_feed: name, batch_id: batch.id })
          .execute();
      });
    }
  }
  return isBusy;
}

async function untaken(store: Store, name: string, dataset: string): Promise<BatchRow[]> {
  return await store
    .selectFrom("batches")
    .selectAll()
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .where("id", "not in", (query) =>
      query.selectFrom("label_batches").select("batch_id").where("label_feed", "=", name),
    )
    .orderBy("seq")
    .limit(BATCHES_AT_ONCE)
    .execute();
}
