import { basename, join } from "node:path";
import { subjectOf } from "../../store/subject.ts";
import { homePaths } from "../home.ts";
import { STREAM_FEED } from "../read-snapshot.ts";
import {
  addEdges,
  addOutputs,
  type Commit,
  type CommitContext,
  type FinishedRun,
  raise,
} from "./commit.ts";
import { takeFile } from "./take-file.ts";

/** Name under which a capture file is remembered as taken. */
export function captureSource(path: string): string {
  return subjectOf.source(`capture/${basename(path)}`);
}

/** Captured rows and labels, and what of the source was taken, in one transaction. */
export const commitCollect: Commit<"collect"> = async (context, run) => {
  const { id, result, folder } = run;
  await addEdges(context.tx, id, "in", result.takenFiles.map(captureSource));
  if (result.lastId !== null) await moveStream(context, result.lastId);
  for (const [index, file] of result.predictions.entries()) {
    const captureId = `${id}-${index}`;
    const path = homePaths.capture(context.home, file.model, captureId);
    takeFile(join(folder, file.file), path);
    await context.tx
      .insertInto("captures")
      .values({
        id: captureId,
        model: file.model,
        version: file.version,
        path,
        rows: file.rows,
        first_at_ms: file.firstAtMs,
        last_at_ms: file.lastAtMs,
        window_id: null,
        run_id: id,
      })
      .execute();
    await addOutputs(context, id, [subjectOf.capture(captureId)]);
  }
  if (result.labels !== null) await addLabels(context, run, result.labels);
};

async function addLabels(
  context: CommitContext,
  { id, folder }: FinishedRun<"collect">,
  labels: { readonly file: string; readonly rows: number },
): Promise<void> {
  const path = homePaths.labels(context.home, id);
  takeFile(join(folder, labels.file), path);
  await context.tx
    .insertInto("label_files")
    .values({ id, tier: 0, path, rows: labels.rows, created_at_ms: context.nowMs })
    .execute();
  await addOutputs(context, id, [subjectOf.labels(id)]);
  await raise(context, {
    type: "labels.collected",
    subject: subjectOf.labels(id),
    runId: id,
    details: { rows: labels.rows },
  });
}

async function moveStream({ tx }: CommitContext, lastId: string): Promise<void> {
  const state = {
    cursor: lastId,
    seen_path: null,
    last_pull_ms: null,
    has_more: 0,
    held: null,
    held_config_sha256: null,
  };
  await tx
    .insertInto("feeds")
    .values({ name: STREAM_FEED, ...state })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(state))
    .execute();
}
