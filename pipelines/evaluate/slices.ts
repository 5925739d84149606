import type { Column } from "../datasets/column.ts";
import type { MetricName } from "../project/project.ts";
import type { SliceReport } from "./evaluate-spec.ts";
import { metricOf } from "./metrics.ts";

/** Slices of one column: the largest so many. */
const MAX_SLICES = 50;
/** A number column with more distinct values is cut into quarters. */
const MAX_DISTINCT = 20;
const MISSING = "(missing)";

export interface SliceInput {
  readonly metric: MetricName;
  readonly columns: ReadonlyMap<string, Column>;
  readonly truth: Float64Array;
  readonly candidate: Float64Array;
  readonly champion: Float64Array | null;
}

/** The deciding metric within each value of each column, most rows first; undefined ones left out. */
export function reportSlices(input: SliceInput): SliceReport[] {
  return [...input.columns].flatMap(([name, column]) => {
    const groups = groupRows(labelsOf(column));
    const largest = [...groups].sort(([, a], [, b]) => b.length - a.length).slice(0, MAX_SLICES);
    return largest.flatMap(([value, rows]) => reportOf(input, name, value, rows));
  });
}

function reportOf(
  { metric, truth, candidate, champion }: SliceInput,
  column: string,
  value: string,
  rows: readonly number[],
): SliceReport[] {
  const pick = (all: Float64Array) => Float64Array.from(rows, (row) => all[row] as number);
  const own = metricOf(metric, pick(truth), pick(candidate));
  const other = champion === null ? null : metricOf(metric, pick(truth), pick(champion));
  if (!Number.isFinite(own) || (other !== null && !Number.isFinite(other))) return [];
  return [{ column, value, rows: rows.length, candidate: own, champion: other }];
}

function groupRows(labels: readonly string[]): ReadonlyMap<string, number[]> {
  const groups = new Map<string, number[]>();
  labels.forEach((label, row) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [row]);
    else group.push(row);
  });
  return groups;
}

function labelsOf(column: Column): string[] {
  if (column.kind === "text") return column.values.map((text) => text ?? MISSING);
  const known = column.values.filter((value) => !Number.isNaN(value)).sort();
  if (new Set(known).size <= MAX_DISTINCT) {
    return Array.from(column.values, (value) => (Number.isNaN(value) ? MISSING : String(value)));
  }
  const cuts = [0.25, 0.5, 0.75].map((share) => known[Math.floor(share * known.length)] as number);
  return Array.from(column.values, (value) => quarterOf(value, cuts));
}

function quarterOf(value: number, cuts: readonly number[]): string {
  if (Number.isNaN(value)) return MISSING;
  const above = cuts.findLast((cut) => value >= cut);
  const below = cuts.find((cut) => value < cut);
  if (above === undefined) return `below ${below}`;
  return below === undefined ? `from ${above}` : `from ${above} to below ${below}`;
}
