export interface Moments {
  readonly mean: number;
  /** Population standard deviation (divided by n); exactly 0 where all values are equal. */
  readonly deviation: number;
}

/** Of at least one finite value; two passes. */
export function momentsOf(values: Float64Array): Moments {
  const first = values[0] as number;
  if (values.every((value) => value === first)) return { mean: first, deviation: 0 };
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / values.length) };
}
