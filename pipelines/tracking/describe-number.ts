/** Four digits that count, without trailing zeros: 0.8512, 1.2e-7, 15321. */
export function describeNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  if (Math.abs(value) >= 1000) return value.toFixed(0);
  return String(Number(value.toPrecision(4)));
}
