import { rmSync } from "node:fs";
import type { Project } from "../project/project.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const BATCH = 500;

/** Deletes captured predictions and labels beyond their retention. */
export async function expireCaptures(store: Store, project: Project, nowMs: number): Promise<void> {
  const days = project.retention?.captureDays ?? DEFAULT_DAYS;
  const beforeMs = nowMs - days * DAY_MS;
  const captures = await store
    .selectFrom("captures")
    .select(["id", "path", "rows"])
    .where("last_at_ms", "<", beforeMs)
    .limit(BATCH)
    .execute();
  const labels = await store
    .selectFrom("label_files")
    .select(["id", "path", "rows"])
    .where("created_at_ms", "<", beforeMs)
    .limit(BATCH)
    .execute();
  if (captures.length + labels.length === 0) return;
  const rows = [...captures, ...labels].reduce((sum, file) => sum + file.rows, 0);
  // Files go first: a row whose file is gone is found again, a file without a row never.
  for (const { path } of [...captures, ...labels]) rmSync(path, { force: true });
  await store.transaction().execute(async (tx) => {
    const ids = (files: readonly { readonly id: string }[]) => files.map((file) => file.id);
    await tx.deleteFrom("captures").where("id", "in", ids(captures)).execute();
    await tx.deleteFrom("label_files").where("id", "in", ids(labels)).execute();
    await appendEvent(
      tx,
      {
        type: "capture.expired",
        subject: subjectOf.source("capture"),
        runId: null,
        details: { files: captures.length + labels.length, rows, olderThanDays: days },
      },
      nowMs,
    );
  });
}
