import { basename } from "node:path";
import { subjectOf } from "../../store/subject.ts";
import { addOutputs, type Commit, type CommitContext, type FinishedRun, raise } from "./commit.ts";

/** Closes a window, or looks at a closed one again; raises an alert once a window and kind. */
export const commitObserve: Commit<"observe"> = async (context, run) => {
  const { id, spec, result } = run;
  const captureIds = spec.capturePaths.map((path) => basename(path, ".parquet"));
  const first = await context.tx
    .selectFrom("captures")
    .select("window_id")
    .where("id", "=", captureIds[0] ?? "")
    .executeTakeFirst();
  const known = first?.window_id ?? null;
  const windowId = known ?? id;
  const before = known === null ? null : await resultOf(context, known);
  const labelFiles = await countLabelFiles(context, id);
  const looked = {
    rows: result.rows,
    result_json: JSON.stringify(result),
    run_id: id,
    label_files: labelFiles,
  };
  if (known === null) await addWindow(context, run, captureIds, looked);
  else await context.tx.updateTable("windows").set(looked).where("id", "=", known).execute();
  await addOutputs(context, id, [subjectOf.window(windowId)]);
  const number = await numberOf(context, windowId);
  if (known === null) {
    await raise(context, {
      type: "window.closed",
      subject: subjectOf.window(windowId),
      runId: id,
      details: {
        model: spec.model,
        version: spec.version,
        number,
        rows: result.rows,
        drifted: result.drift.filter((column) => column.hasDrifted).map((column) => column.column),
        performance: result.performance,
      },
    });
  }
  const isNewDrift = (before?.alertColumns.length ?? 0) === 0 && result.alertColumns.length > 0;
  if (isNewDrift) await raiseAlert(context, run, windowId, number, "drift");
  const isNewDrop = before?.performance?.isAlert !== true && result.performance?.isAlert === true;
  if (isNewDrop) await raiseAlert(context, run, windowId, number, "degradation");
};

async function addWindow(
  { tx, nowMs }: CommitContext,
  { id, spec, result }: FinishedRun<"observe">,
  captureIds: readonly string[],
  looked: { rows: number; result_json: string; run_id: string; label_files: number },
): Promise<void> {
  const last = await tx
    .selectFrom("windows")
    .select((query) => query.fn.max("number").as("number"))
    .where("model", "=", spec.model)
    .where("version", "=", spec.version)
    .executeTakeFirst();
  await tx
    .insertInto("windows")
    .values({
      id,
      model: spec.model,
      version: spec.version,
      number: Number(last?.number ?? 0) + 1,
      first_at_ms: result.firstAtMs,
      last_at_ms: result.lastAtMs,
      created_at_ms: nowMs,
      ...looked,
    })
    .execute();
  await tx.updateTable("captures").set({ window_id: id }).where("id", "in", captureIds).execute();
}

async function raiseAlert(
  context: CommitContext,
  { id, spec, result }: FinishedRun<"observe">,
  windowId: string,
  number: number,
  kind: "drift" | "degradation",
): Promise<void> {
  const columns = result.drift.filter((column) => result.alertColumns.includes(column.column));
  await raise(context, {
    type: "monitor.alert",
    subject: subjectOf.model(spec.model, spec.version),
    runId: id,
    details: {
      kind,
      window: windowId,
      number,
      ...(kind === "drift" ? { columns } : { performance: result.performance }),
    },
  });
}

async function resultOf(
  { tx }: CommitContext,
  windowId: string,
): Promise<FinishedRun<"observe">["result"] | null> {
  const row = await tx
    .selectFrom("windows")
    .select("result_json")
    .where("id", "=", windowId)
    .executeTakeFirst();
  return row?.result_json == null ? null : JSON.parse(row.result_json);
}

async function numberOf({ tx }: CommitContext, windowId: string): Promise<number> {
  const row = await tx
    .selectFrom("windows")
    .select("number")
    .where("id", "=", windowId)
    .executeTakeFirstOrThrow();
  return row.number;
}

/** Those that were there when the run was planned: it looked at no later one. */
async function countLabelFiles({ tx }: CommitContext, runId: string): Promise<number> {
  const row = await tx
    .selectFrom("label_files")
    .select((query) => query.fn.countAll().as("count"))
    .where("created_at_ms", "<", (query) =>
      query.selectFrom("runs").select("created_at_ms").where("id", "=", runId),
    )
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}
