import { enqueueLanded } from "../../outlets/enqueue-landed.ts";
import type { BatchRow } from "../snapshot.ts";
import type { CommitContext } from "./commit.ts";
import { addLabelsOf } from "./labels-from-batch.ts";

/** What a landed batch sets off besides the plan: labels and deliveries, in the transaction that landed it. */
export async function afterLanding(context: CommitContext, batch: BatchRow): Promise<void> {
  await addLabelsOf(context, batch);
  await enqueueLanded(context.tx, context.project.project, batch, context.nowMs);
}
