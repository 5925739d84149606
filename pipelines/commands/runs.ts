import { didYouMean } from "../../server/lib/nearest-name.ts";
import { JOB_KINDS } from "../jobs/job.ts";
import type { RunStatus } from "../store/tables.ts";
import { type Comparison, compareRuns } from "../tracking/compare-runs.ts";
import { describeNumber } from "../tracking/describe-number.ts";
import { listRuns, type RunLine } from "../tracking/list-runs.ts";
import { type ShownRun, showRun } from "../tracking/show-run.ts";
import { CommandError } from "./command-error.ts";
import { type CommandIo, writeJson } from "./command-io.ts";
import { isoTime, layOut, tookText } from "./layout.ts";
import { withStore } from "./with-store.ts";

const STATUSES: readonly RunStatus[] = ["queued", "running", "finished", "failed"];

export interface ListRunsArgs {
  readonly home: string;
  readonly kind: string | null;
  readonly subject: string | null;
  readonly status: string | null;
  readonly limit: number;
  readonly isJson: boolean;
}

/** `sluice runs`: newest first. @throws CommandError */
export async function listRunsCommand(args: ListRunsArgs, io: CommandIo): Promise<number> {
  const { kind, subject, limit } = args;
  if (kind !== null) assertOneOf("--kind", kind, JOB_KINDS);
  const status = STATUSES.find((each) => each === args.status) ?? null;
  if (args.status !== null) assertOneOf("--status", args.status, STATUSES);
  return withStore(args.home, async (store) => {
    const runs = await listRuns(store, { kind, subject, status, limit });
    if (args.isJson) writeJson(io, { runs });
    else io.stdout.write(describeRuns(runs));
    return 0;
  });
}

function assertOneOf(flag: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new CommandError(
    `${flag}: expected one of ${known.join(", ")}, came '${value}'${didYouMean(value, known)}`,
  );
}

function describeRuns(runs: readonly RunLine[]): string {
  if (runs.length === 0) return "no such runs\n";
  return layOut(
    ["RUN", "KIND", "SUBJECT", "STATUS", "CREATED", "TOOK", "WHY"],
    runs.map((run) => [
      run.id,
      run.kind,
      run.subject,
      run.status,
      isoTime(run.createdAtMs),
      tookText(run.startedAtMs, run.endedAtMs),
      run.error === null ? run.reason : `${run.reason}; ${run.error}`,
    ]),
  );
}

export interface ShowRunArgs {
  readonly home: string;
  /** Or its beginning. */
  readonly id: string;
  readonly isJson: boolean;
}

/** `sluice runs show`. @throws TrackingError */
export async function showRunCommand(args: ShowRunArgs, io: CommandIo): Promise<number> {
  return withStore(args.home, async (store) => {
    const run = await showRun(store, args.id);
    if (args.isJson) writeJson(io, run);
    else io.stdout.write(describeRun(run));
    return 0;
  });
}

function describeRun(run: ShownRun): string {
  const { code } = run;
  const dirty = code.gitDirty === true ? ", with changes that are not committed" : "";
  const facts: (readonly [string, string])[] = [
    ["run", run.id],
    ["kind", run.kind],
    ["subject", run.subject],
    ["status", run.status],
    ["why", run.reason],
    ...(run.error === null ? [] : [["error", run.error] as const]),
    ["attempts", String(run.attempts)],
    ["created", isoTime(run.createdAtMs)],
    ["started", isoTime(run.startedAtMs)],
    ["ended", isoTime(run.endedAtMs)],
    ["folder", run.folder ?? "-"],
    ["commit", code.gitCommit === null ? "-" : `${code.gitCommit}${dirty}`],
    ["lockfile", code.lockfileSha256 ?? "-"],
    ["config", code.configSha256],
    ...run.inputs.map((subject) => ["read", subject] as const),
    ...run.outputs.map((subject) => ["made", subject] as const),
    ...Object.entries(run.params).map(([key, value]) => [`param ${key}`, value] as const),
    ...Object.entries(run.metrics).map(
      ([key, value]) => [`metric ${key}`, describeNumber(value)] as const,
    ),
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

export interface CompareRunsArgs {
  readonly home: string;
  readonly ids: readonly string[];
  readonly isJson: boolean;
}

/** `sluice runs compare`: side by side, `*` before what differs. @throws TrackingError */
export async function compareRunsCommand(args: CompareRunsArgs, io: CommandIo): Promise<number> {
  if (args.ids.length < 2) {
    throw new CommandError(`expected two runs or more to compare, came ${args.ids.length}`);
  }
  return withStore(args.home, async (store) => {
    const comparison = await compareRuns(store, args.ids);
    if (args.isJson) writeJson(io, comparison);
    else io.stdout.write(describeComparison(comparison));
    return 0;
  });
}

function describeComparison({ runs, sections }: Comparison): string {
  const rows = sections.flatMap(({ title, rows: compared }) =>
    compared.map(({ name, values, differs }) => [
      differs ? "*" : "",
      title,
      name,
      ...values.map(describeCell),
    ]),
  );
  return layOut(["", "", "", ...runs], rows);
}

function describeCell(value: string | number | boolean | null): string {
  if (value === null) return "-";
  return typeof value === "number" ? describeNumber(value) : String(value);
}
