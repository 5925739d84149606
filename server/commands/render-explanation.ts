import type { ClassExplanation, SlowRequest } from "../models/servable.ts";
import type {
  Quantiles,
  ThreadExplanation,
  VersionExplanation,
} from "../request/version-explanation.ts";
import type { AdminExplanation } from "../transport/admin/admin-view.ts";

const CLOSES: Readonly<Record<string, string>> = {
  "not-batchable": "rows of the model may not be stacked, or the request was run alone",
  alone: "nothing else waited",
  "all-waiting": "everything that waited is in it",
  "rows-full": "the next request would pass maxBatchRows",
  shape: "what else waited has other shapes or outputs",
  budget: "the next request would pass inlineBudgetUs",
};

/** For people, a few lines a version. Pure. */
export function renderExplanation(explanation: AdminExplanation): string {
  const { model, loaded, notLoaded, inlineBudgetUs } = explanation;
  const lines = loaded.flatMap((version) => versionLines(version, inlineBudgetUs));
  for (const { version, state, reason } of notLoaded) {
    lines.push(`${model}@${version}: ${state}${reason === null ? "" : `, ${reason}`}`);
  }
  if (lines.length === 0) lines.push(`${model}: no version is known`);
  return `${lines.map(printable).join("\n")}\n`;
}

function versionLines(version: VersionExplanation, inlineBudgetUs: number): string[] {
  const { id, inFlight, maxQueue, maxBatchRows, threads, silentThreads } = version;
  const batching = maxBatchRows === 1 ? "rows are not stacked" : `${maxBatchRows} rows a batch`;
  return [
    `${id.model}@${id.version}: ${inFlight} of ${maxQueue} requests in flight (maxQueue), ${batching}`,
    ...quantileLine("total", version.totalMs),
    ...quantileLine("queue", version.queueMs),
    ...quantileLine("compute", version.computeMs),
    ...batchLines(version),
    ...threads.flatMap((thread) => threadLines(thread, inlineBudgetUs)),
    ...slowestLines(threads.flatMap(({ slowest }) => slowest)),
    ...(silentThreads === 0
      ? []
      : [`  ${silentThreads} serving thread(s) did not answer within a second: they are busy`]),
  ];
}

function quantileLine(phase: string, quantiles: Quantiles | null): string[] {
  if (quantiles === null) return [];
  const { p50, p90, p99 } = quantiles;
  const text = `p50 ${rounded(p50)}, p90 ${rounded(p90)}, p99 ${rounded(p99)} ms`;
  return [`  ${phase.padEnd(8)} ${text}`];
}

function batchLines({ batches, meanBatchRows }: VersionExplanation): string[] {
  const runs = batches.reduce((sum, { count }) => sum + count, 0);
  if (runs === 0) return ["  batches  none ran yet"];
  const lines = [...batches]
    .sort((a, b) => b.count - a.count)
    .map(({ placement, closedBy, count }) => {
      const share = `${Math.round((100 * count) / runs)} %`.padStart(5);
      const why = CLOSES[closedBy] ?? closedBy;
      return `    ${share} ${placement.padEnd(6)} ${closedBy.padEnd(13)} ${why}`;
    });
  return [`  batches  ${runs}, of ${rounded(meanBatchRows ?? 0)} rows on average`, ...lines];
}

function threadLines(thread: ThreadExplanation, inlineBudgetUs: number): string[] {
  const { predictedWaitMs, classes } = thread;
  const lines = classes.map((each) => `    ${classLine(each, inlineBudgetUs)}`);
  if (predictedWaitMs !== null) {
    lines.unshift(
      `    a request now would wait about ${rounded(predictedWaitMs)} ms for the engine`,
    );
  }
  return lines.length === 0 ? [] : [`  thread ${thread.thread}`, ...lines];
}

function classLine(each: ClassExplanation, inlineBudgetUs: number): string {
  const shapes = each.shapes.map((shape) => `[${shape.join(",")}]`).join(" ");
  const where = each.placement === "inline" ? "on the serving thread" : "on the engine's threads";
  const costs: string[] = [];
  if (each.inlineCost !== null) {
    const { baseUs, slopeUs, maxRows } = each.inlineCost;
    costs.push(`${rounded(baseUs)} us + ${rounded(slopeUs)} us a row, seen up to ${maxRows}`);
  }
  if (each.engineCost !== null) {
    const { rows, us } = each.engineCost;
    costs.push(`engine at best ${rounded(us)} us for ${rows} row(s)`);
  }
  const cost = costs.length === 0 ? "" : `; cost ${costs.join("; ")}`;
  return `${shapes} -> ${each.outputs.join(" ")}: ${where}, ${reasonOf(each, inlineBudgetUs)}${cost}`;
}

function reasonOf({ reason, demotedForMs }: ClassExplanation, inlineBudgetUs: number): string {
  switch (reason) {
    case "cheap":
      return `cheap (below inlineBudgetUs ${inlineBudgetUs})`;
    case "off":
      return "inlineBudgetUs is 0";
    case "unproven":
      return "not yet proved cheap";
    case "dear":
      return `dear (above inlineBudgetUs ${inlineBudgetUs})`;
    case "demoted":
      return `demoted for ${rounded((demotedForMs ?? 0) / 1000)} s more (it overran inlineBudgetUs ${inlineBudgetUs})`;
  }
}

function slowestLines(requests: readonly SlowRequest[]): string[] {
  if (requests.length === 0) return [];
  const shown = [...requests].sort((a, b) => b.totalMs - a.totalMs).slice(0, MAX_SHOWN);
  const lines = shown.map(({ totalMs, queueMs, computeMs, rows, batchRows, ...rest }) => {
    const times = [totalMs, queueMs, computeMs].map((ms) => rounded(ms).padStart(8)).join(" ");
    const when = new Date(rest.endEpochMs).toISOString();
    return `  ${times} ${`${rows}/${batchRows}`.padStart(8)}  ${when}  ${rest.inferenceId}`;
  });
  return ["  slowest of late: total, queue, compute ms, rows/batch, end, inference id", ...lines];
}

const MAX_SHOWN = 16;

/** Three digits are enough to compare. */
function rounded(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** Names come out of models, and are no commands to a terminal. */
function printable(line: string): string {
  return line.replaceAll(/\p{Cc}/gu, "?");
}
