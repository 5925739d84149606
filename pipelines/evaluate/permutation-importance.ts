import type { Column, Table } from "../datasets/column.ts";
import type { MetricName } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";
import { isBetterHigher, metricOf } from "./metrics.ts";
import { seededRandom } from "./paired-bootstrap.ts";

export interface FeatureImportance {
  readonly feature: string;
  /** How much worse the metric gets; at or below 0: the model does without it. */
  readonly loss: number;
}

export interface ImportanceInput {
  readonly predict: (table: Table) => Promise<Float64Array>;
  readonly table: Table;
  readonly truth: Float64Array;
  readonly features: readonly Feature[];
  readonly metric: MetricName;
  readonly seed: number;
}

/** Enough to rank features, few enough to ask the model once a feature. */
const MAX_ROWS = 2000;

/**
 * What the metric loses when one feature's values are shuffled among the rows (Breiman, Random
 * Forests, 2001), once each, over the first rows of the table. Most important first.
 */
export async function permutationImportance(input: ImportanceInput): Promise<FeatureImportance[]> {
  const { metric, features } = input;
  const rows = Math.min(input.table.rows, MAX_ROWS);
  const columns = new Map(
    [...input.table.columns].map(([name, column]) => [name, firstRows(column, rows)]),
  );
  const truth = input.truth.subarray(0, rows);
  const random = seededRandom(input.seed);
  const measure = async (table: Table) => metricOf(metric, truth, await input.predict(table));
  const whole = await measure({ rows, columns });
  const found: FeatureImportance[] = [];
  for (const { name } of features) {
    const column = columns.get(name);
    if (column === undefined) continue;
    const shuffled = new Map(columns).set(name, shuffle(column, random));
    const without = await measure({ rows, columns: shuffled });
    const loss = isBetterHigher(metric) ? whole - without : without - whole;
    if (Number.isFinite(loss)) found.push({ feature: name, loss });
  }
  return found.sort((a, b) => b.loss - a.loss);
}

function firstRows(column: Column, rows: number): Column {
  if (column.kind === "number") return { kind: "number", values: column.values.subarray(0, rows) };
  return { kind: "text", values: column.values.slice(0, rows) };
}

function shuffle(column: Column, random: () => number): Column {
  const order = shuffledOrder(column.values.length, random);
  if (column.kind === "number") {
    const { values } = column;
    return { kind: "number", values: Float64Array.from(order, (row) => values[row] as number) };
  }
  return { kind: "text", values: Array.from(order, (row) => column.values[row] ?? null) };
}

/** Fisher and Yates. */
function shuffledOrder(rows: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  for (let last = rows - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}
