import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProcessorTimes } from "./processor-times.ts";

test("work is user, nice, system and interrupts; idle, waiting, stolen and guest time are not", () => {
  const text = "cpu  100 20 30 4000 500 6 7 80 9 1\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
  assert.deepEqual(parseProcessorTimes(text), { busyUs: 163 * 10_000, stolenUs: 80 * 10_000 });
});
