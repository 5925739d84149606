import { basename } from "node:path";
import { judgeWindows, lastingText, type WatchedWindow } from "../../monitors/watched-window.ts";
import { subjectOf } from "../../store/subject.ts";
import { addOutputs, type Commit, type CommitContext, type FinishedRun, raise } from "./commit.ts";

type ObserveRun = FinishedRun<"observe">;

/** Windows whose alerts may still change: verdicts reach n windows on, and late labels some way back. */
const JUDGED_WINDOWS = 200;

/** Closes a window, or looks at a closed one again; then judges it and those after it. */
export const commitObserve: Commit<"observe"> = async (context, run) => {
  const windowId = (await knownWindow(context, run)) ?? (await addWindow(context, run));
  const looked = {
    result_json: JSON.stringify({ ...run.result, alertColumns: [], isDegradationAlert: false }),
    rows: run.result.rows,
    run_id: run.id,
    label_seq: run.spec.labelSeq,
    looked_at_ms: context.nowMs,
  };
  const before = await readJudged(context, run);
  await context.tx.updateTable("windows").set(looked).where("id", "=", windowId).execute();
  await addOutputs(context, run.id, [subjectOf.window(windowId)]);
  await judge(context, run, before);
};

async function knownWindow({ tx }: CommitContext, { spec }: ObserveRun): Promise<string | null> {
  const first = await tx
    .selectFrom("captures")
    .select("window_id")
    .where("id", "=", captureIds(spec)[0] ?? "")
    .executeTakeFirst();
  return first?.window_id ?? null;
}

function captureIds(spec: ObserveRun["spec"]): string[] {
  return spec.capturePaths.map((path) => basename(path, ".parquet"));
}

/** Its id is the run's. */
async function addWindow(context: CommitContext, run: ObserveRun): Promise<string> {
  const { tx, nowMs } = context;
  const { id, spec, result } = run;
  const last = await tx
    .selectFrom("windows")
    .select((query) => query.fn.max("number").as("number"))
    .where("model", "=", spec.model)
    .where("version", "=", spec.version)
    .executeTakeFirst();
  const number = Number(last?.number ?? 0) + 1;
  await tx
    .insertInto("windows")
    .values({
      id,
      model: spec.model,
      version: spec.version,
      number,
      rows: result.rows,
      first_at_ms: result.firstAtMs,
      last_at_ms: result.lastAtMs,
      result_json: null,
      run_id: id,
      label_seq: 0,
      looked_at_ms: nowMs,
      created_at_ms: nowMs,
    })
    .execute();
  await tx
    .updateTable("captures")
    .set({ window_id: id })
    .where("id", "in", captureIds(spec))
    .execute();
  await raise(context, {
    type: "window.closed",
    subject: subjectOf.window(id),
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
  return id;
}

interface Judged {
  readonly id: string;
  readonly number: number;
  /** null: its first look is being taken up. */
  readonly watched: WatchedWindow | null;
}

/** The latest windows of the version, oldest first. */
async function readJudged({ tx }: CommitContext, { spec }: ObserveRun): Promise<Judged[]> {
  const rows = await tx
    .selectFrom("windows")
    .select(["id", "number", "result_json"])
    .where("model", "=", spec.model)
    .where("version", "=", spec.version)
    .orderBy("number", "desc")
    .limit(JUDGED_WINDOWS)
    .execute();
  return rows.reverse().map(({ id, number, result_json }) => ({
    id,
    number,
    watched: result_json === null ? null : (JSON.parse(result_json) as WatchedWindow),
  }));
}

/** A verdict depends on the windows before: what changed in one may raise an alert in a later one. */
async function judge(
  context: CommitContext,
  run: ObserveRun,
  before: readonly Judged[],
): Promise<void> {
  const monitor = run.spec.config.monitor;
  if (monitor === undefined) return;
  const windows = (await readJudged(context, run)).filter((window) => window.watched !== null);
  const judged = judgeWindows(
    windows.map((window) => window.watched as WatchedWindow),
    monitor,
  );
  for (const [at, watched] of judged.entries()) {
    const { id, number } = windows[at] as Judged;
    const had = before.find((window) => window.id === id)?.watched ?? null;
    if (isSame(watched, windows[at]?.watched ?? null)) continue;
    await context.tx
      .updateTable("windows")
      .set({ result_json: JSON.stringify(watched) })
      .where("id", "=", id)
      .execute();
    const told = [had, judged[at - 1] ?? null];
    if (hasNewColumns(watched, told)) {
      await raiseAlert(context, run, { id, number, watched }, "drift");
    }
    if (watched.isDegradationAlert && !told.some((each) => each?.isDegradationAlert === true)) {
      await raiseAlert(context, run, { id, number, watched }, "degradation");
    }
  }
}

/** What lasts is told once: neither this window's last verdict nor the window before had the column. */
function hasNewColumns(watched: WatchedWindow, told: readonly (WatchedWindow | null)[]): boolean {
  const known = told.flatMap((each) => each?.alertColumns ?? []);
  return watched.alertColumns.some((column) => !known.includes(column));
}

function isSame(a: WatchedWindow, b: WatchedWindow | null): boolean {
  return (
    b !== null &&
    a.isDegradationAlert === b.isDegradationAlert &&
    a.alertColumns.join("\n") === b.alertColumns.join("\n")
  );
}

async function raiseAlert(
  context: CommitContext,
  { id, spec }: ObserveRun,
  window: { readonly id: string; readonly number: number; readonly watched: WatchedWindow },
  kind: "drift" | "degradation",
): Promise<void> {
  const { alertColumns, drift, performance } = window.watched;
  const columns = drift
    .filter(({ column }) => alertColumns.includes(column))
    .map((found) => ({
      column: found.column,
      distance: found.distance,
      adjustedP: found.adjustedP,
      text: lastingText(found),
    }));
  await raise(context, {
    type: "monitor.alert",
    subject: subjectOf.model(spec.model, spec.version),
    runId: id,
    details: {
      kind,
      window: window.id,
      number: window.number,
      ...(kind === "drift" ? { columns } : { performance }),
    },
  });
}
