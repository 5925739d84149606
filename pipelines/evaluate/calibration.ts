/** Rows of about the same prediction: what was said and what came. */
export interface CalibrationBin {
  readonly rows: number;
  readonly meanPrediction: number;
  readonly meanTruth: number;
}

/** Bins of equal counts by prediction, lowest first; fewer than `bins` where there are fewer rows. */
export function calibrationTable(
  truth: Float64Array,
  predicted: Float64Array,
  bins: number,
): CalibrationBin[] {
  const order = Uint32Array.from(predicted, (_, i) => i);
  order.sort((a, b) => (predicted[a] as number) - (predicted[b] as number));
  const table: CalibrationBin[] = [];
  for (let bin = 0; bin < bins; bin += 1) {
    const start = Math.floor((bin * order.length) / bins);
    const rows = order.subarray(start, Math.floor(((bin + 1) * order.length) / bins));
    if (rows.length === 0) continue;
    table.push({
      rows: rows.length,
      meanPrediction: meanAt(predicted, rows),
      meanTruth: meanAt(truth, rows),
    });
  }
  return table;
}

function meanAt(values: Float64Array, rows: Uint32Array): number {
  let sum = 0;
  for (const row of rows) sum += values[row] as number;
  return sum / rows.length;
}
