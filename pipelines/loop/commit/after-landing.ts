import { enqueueLanded } from "../../outlets/enqueue-landed.ts";
import type { BatchRow } from "../snapshot.ts";
import type { CommitContext } from "./commit.ts";

/** What a landed batch sets off besides the plan: deliveries, in the transaction that landed it. */
export async function afterLanding(context: CommitContext, batch: BatchRow): Promise<void> {
  await enqueueLanded(context.tx, context.project.project, batch, context.nowMs);
}
