import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { numbers, writeParquet } from "../compile/testing/job-fixture.ts";
import { buildTreeGraph } from "../compile/tree-graph.ts";
import { fromParquet, openDataEngine } from "../datasets/duckdb.ts";
import { readTable } from "../datasets/read-table.ts";
import { LAYOUT, PREDICTION } from "../train/job-layout.ts";
import { predict } from "../train/predict.ts";
import { noiseTrees } from "./hand-made-models.ts";

/**
 * A program for `command` trainers that cannot be trusted, over SageMaker's layout. It learns nothing.
 * `noise`: is honest about what its model answers. `mismatch`: tells answers that are not its model's.
 */
const [, , kind] = process.argv;
const folder = process.env["ML_PREFIX"] ?? "";
const SAMPLE_ROWS = 50;

const model = noiseTrees();
const engine = await openDataEngine({ folders: [folder] });
try {
  const rows = await readTable(
    engine,
    `(SELECT * FROM ${fromParquet([join(folder, LAYOUT.train)])} LIMIT ${SAMPLE_ROWS})`,
    model.features.map(({ name, kind: type }) => ({ name, type })),
  );
  const answers = predict(model, rows);
  const told = kind === "mismatch" ? answers.map((answer) => 1 - answer) : answers;
  const columns = new Map([...rows.columns, [PREDICTION, numbers(told)] as const]);
  await writeParquet(join(folder, LAYOUT.sample), { rows: rows.rows, columns });
} finally {
  engine.close();
}
writeFileSync(join(folder, LAYOUT.onnx), buildTreeGraph(model));
