export interface Reading {
  readonly x: number;
  readonly y: number;
}

/** Of the line y = slope * x + c. */
export interface Slope {
  readonly slope: number;
  /** Standard error; Infinity with fewer than three readings. */
  readonly error: number;
}

/** Ordinary least squares. @throws Error without two readings at different x */
export function leastSquares(readings: readonly Reading[]): Slope {
  const count = readings.length;
  const meanX = mean(readings.map((each) => each.x));
  const meanY = mean(readings.map((each) => each.y));
  let xx = 0;
  let xy = 0;
  for (const { x, y } of readings) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  if (!(xx > 0)) throw new Error(`expected readings at different x, got ${count}`);
  const slope = xy / xx;
  const residual = readings.reduce(
    (sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2,
    0,
  );
  const error = count < 3 ? Number.POSITIVE_INFINITY : Math.sqrt(residual / (count - 2) / xx);
  return { slope, error };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
