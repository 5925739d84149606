import { join } from "node:path";
import type { PullResult, PullSpec } from "../../feeds/pull-spec.ts";
import { subjectOf } from "../../store/subject.ts";
import { homePaths } from "../home.ts";
import {
  addOutputs,
  type Commit,
  type CommitContext,
  type FinishedRun,
  nextBatchSeq,
  raise,
} from "./commit.ts";
import { takeFile } from "./take-file.ts";

/** Refused files of one pull that its event names. */
const MAX_TOLD = 20;

/** The batch and the feed's new position, in one transaction: neither without the other. */
export const commitPull: Commit<"pull"> = async (context, run) => {
  const { result } = run;
  if (result.outcome === "refused") return await holdFeed(context, run);
  if (result.batch !== null) await addBatch(context, run, result.batch);
  await moveFeed(context, run);
  if (result.refusedFiles.length > 0) await tellRefused(context, run);
};

async function addBatch(
  context: CommitContext,
  { id, folder, spec }: FinishedRun<"pull">,
  batch: NonNullable<PullResult["batch"]>,
): Promise<void> {
  const dataset = spec.feed.dataset;
  const path = homePaths.batch(context.home, dataset, id);
  takeFile(join(folder, batch.file), path);
  await context.tx
    .insertInto("batches")
    .values({
      seq: await nextBatchSeq(context.tx),
      id,
      dataset,
      origin: spec.feedName,
      status: "pulled",
      path,
      sha256: batch.sha256,
      bytes: batch.bytes,
      rows: batch.rows,
      schema_json: JSON.stringify(batch.schema),
      treatments_json: JSON.stringify(batch.treatments),
      is_partial: batch.isPartial ? 1 : 0,
      profile_path: null,
      problems_json: null,
      checked_contract: null,
      checked_rules: null,
      run_id: id,
      created_at_ms: context.nowMs,
    })
    .execute();
  await addOutputs(context, id, [subjectOf.batch(id)]);
}

async function moveFeed(
  context: CommitContext,
  { id, folder, spec, result }: FinishedRun<"pull">,
): Promise<void> {
  const { cursor, seenFile } = result.state;
  const seenPath = seenFile === null ? null : homePaths.seen(context.home, spec.feedName, id);
  if (seenFile !== null && seenPath !== null) takeFile(join(folder, seenFile), seenPath);
  const state = {
    cursor,
    seen_path: seenPath,
    last_pull_ms: context.nowMs,
    has_more: result.hasMore ? 1 : 0,
    held: null,
    held_config_sha256: null,
  };
  await upsertFeed(context, spec, state);
}

async function tellRefused(
  context: CommitContext,
  { id, subject, result: { refusedFiles } }: FinishedRun<"pull">,
): Promise<void> {
  await raise(context, {
    type: "feed.refused",
    subject,
    runId: id,
    details: { count: refusedFiles.length, files: refusedFiles.slice(0, MAX_TOLD) },
  });
}

async function holdFeed(
  context: CommitContext,
  { id, spec, result, subject }: FinishedRun<"pull">,
): Promise<void> {
  await upsertFeed(context, spec, {
    cursor: spec.state.cursor,
    seen_path: spec.state.seenFile,
    last_pull_ms: context.nowMs,
    has_more: 0,
    held: result.problems.join("; "),
    held_config_sha256: context.project.sha256,
  });
  await raise(context, {
    type: "feed.held",
    subject,
    runId: id,
    details: { problems: result.problems },
  });
}

async function upsertFeed(
  { tx }: CommitContext,
  { feedName }: PullSpec,
  state: {
    cursor: string | null;
    seen_path: string | null;
    last_pull_ms: number;
    has_more: number;
    held: string | null;
    held_config_sha256: string | null;
  },
): Promise<void> {
  await tx
    .insertInto("feeds")
    .values({ name: feedName, ...state })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(state))
    .execute();
}
