import assert from "node:assert/strict";
import { test } from "node:test";
import { leastSquares } from "./swap-drift-slope.ts";

test("a line is found exactly, with no error", () => {
  const readings = [0, 1, 2, 5].map((x) => ({ x, y: 3 * x + 7 }));
  const { slope, error } = leastSquares(readings);
  assert.ok(Math.abs(slope - 3) < 1e-12 && error < 1e-12);
});

test("slope and standard error of scattered readings are those of the textbook", () => {
  const readings = [
    { x: 1, y: 2 },
    { x: 2, y: 5 },
    { x: 3, y: 3 },
    { x: 4, y: 6 },
  ];
  const { slope, error } = leastSquares(readings);
  assert.ok(Math.abs(slope - 1) < 1e-12);
  // Intercept 1.5; residuals -0.5, 1.5, -1.5, 0.5; 5 / (4 - 2) / 5.
  assert.ok(Math.abs(error - Math.sqrt(0.5)) < 1e-12);
});

test("two readings give a slope of unknown error; one gives none", () => {
  const two = [
    { x: 0, y: 1 },
    { x: 2, y: 5 },
  ];
  assert.deepEqual(leastSquares(two), { slope: 2, error: Number.POSITIVE_INFINITY });
  assert.throws(() => leastSquares(two.slice(1)), /different x, got 1/);
});
