import { type Comparison, compare, type Score } from "./compare.ts";
import { REAL_DATA } from "./real-data.ts";

/**
 * Prints one Markdown table: our trees, scikit-learn's HistGradientBoosting and XGBoost on the same
 * rows. SLUICE_TEST_PYTHON names a Python with server/testing/python/requirements.txt.
 */
async function main(): Promise<void> {
  const python = process.env["SLUICE_TEST_PYTHON"] ?? "python3";
  const lines = [
    "| dataset | rows (train + test) | metric | ours | scikit-learn | XGBoost | seconds: ours | scikit-learn | XGBoost |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const data of REAL_DATA) lines.push(toRow(await compare(data, python, 1)));
  process.stdout.write(`${lines.join("\n")}\n`);
}

function toRow({ name, metric, trainRows, testRows, ours, sklearn, xgboost }: Comparison): string {
  const scores = [ours, sklearn, xgboost];
  const value = (score: Score) => score.value.toFixed(4);
  const seconds = (score: Score) => score.seconds.toFixed(1);
  const cells = [name, `${trainRows} + ${testRows}`, metric];
  return `| ${[...cells, ...scores.map(value), ...scores.map(seconds)].join(" | ")} |`;
}

await main();
