import { join } from "node:path";
import type { Table } from "../datasets/column.ts";
import { readTable } from "../datasets/read-table.ts";
import { METRICS_OF_TASK, metricOf } from "../evaluate/metrics.ts";
import type { JobContext } from "../jobs/job.ts";
import type { GradientBoostingConfig } from "../project/project.ts";
import { boost, type LabelledTable, type Losses } from "./gradient-boosting/boost.ts";
import { LAYOUT } from "./job-layout.ts";
import { hasUnseen, predict } from "./predict.ts";
import { PLACE, ROWS_TABLE } from "./prepare-rows.ts";
import { chooseReferenceRows } from "./reference-rows.ts";
import { chooseSampleRows } from "./sample-rows.ts";
import { hasMissing, pickRows, sliceTable } from "./table-rows.ts";
import type { Trained, TrainerInput } from "./trainer.ts";
import { serializeTreesModel, type TreesModel } from "./trees-model.ts";
import { writeWholeFile } from "./whole-file.ts";
import { writePlaces } from "./write-places.ts";

/** Points on the curve of the losses. */
const CURVE_STEPS = 100;

/** The built-in trainer: writes model/trees.json, model/sample.parquet and reference.parquet. */
export async function runTreeTrainer(input: TrainerInput): Promise<Trained> {
  const { spec, rows, context } = input;
  const trainer = spec.config.trainer as GradientBoostingConfig;
  const table = await readRows(input);
  const { train, validation } = rows.counts;
  const start = performance.now();
  const validationRows = labelled(table, spec.config.target, train, train + validation);
  const model = await boost({
    task: spec.config.task,
    features: rows.features,
    config: trainer,
    train: labelled(table, spec.config.target, 0, train),
    validation: validationRows,
    signal: context.signal,
    onTree: curveOf(context, trainer.trees),
  });
  const seconds = (performance.now() - start) / 1000;
  await writeWholeFile(join(context.folder, LAYOUT.trees), serializeTreesModel(model));
  await writeAnswers(input, trainer.seed, model, table);
  const metrics = { ...measure(model, validationRows), trees: model.trees.length, seconds };
  for (const [name, value] of Object.entries(metrics)) context.metric(name, value);
  return { artifact: { kind: "trees", file: LAYOUT.trees }, metrics };
}

/** Features and target of every row, by place. */
async function readRows({ engine, spec, rows }: TrainerInput): Promise<Table> {
  return readTable(engine, `${ROWS_TABLE} ORDER BY ${PLACE}`, [
    ...rows.features.map(({ name, kind }) => ({ name, type: kind })),
    { name: spec.config.target, type: "number" },
  ]);
}

function labelled(table: Table, target: string, start: number, end: number): LabelledTable {
  const part = sliceTable(table, start, end);
  return { table: part, truth: part.columns.get(target)?.values as Float64Array };
}

function curveOf(context: JobContext, trees: number) {
  const every = Math.max(1, Math.ceil(trees / CURVE_STEPS));
  return (tree: number, losses: () => Losses): void => {
    if (tree % every !== 0) return;
    const { train, validation } = losses();
    context.metric("train_loss", train, tree);
    context.metric("validation_loss", validation, tree);
  };
}

/** On the validation rows; what is not defined there is left out. */
function measure(model: TreesModel, { table, truth }: LabelledTable): Record<string, number> {
  const predicted = predict(model, table);
  const metrics: Record<string, number> = {};
  for (const name of METRICS_OF_TASK[model.task]) {
    const value = metricOf(name, truth, predicted);
    if (Number.isFinite(value)) metrics[`validation_${name}`] = value;
  }
  return metrics;
}

async function writeAnswers(
  { engine, rows, context }: TrainerInput,
  seed: number,
  model: TreesModel,
  table: Table,
): Promise<void> {
  const names = rows.features.map(({ name }) => name);
  const features: Table = {
    rows: table.rows,
    columns: new Map([...table.columns].filter(([name]) => names.includes(name))),
  };
  const sample = chooseSampleRows(table.rows, [hasMissing(features), hasUnseen(model, features)]);
  const reference = chooseReferenceRows(rows.counts, seed);
  for (const [file, places] of [
    [LAYOUT.sample, sample],
    [LAYOUT.reference, reference],
  ] as const) {
    const predictions = predict(model, pickRows(features, places));
    await writePlaces(engine, join(context.folder, file), names, places, predictions);
  }
}
