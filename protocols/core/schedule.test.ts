import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NO_PARAMETERS, type ParameterValue } from "./infer.ts";
import { readPriority, readTimeoutMs } from "./schedule.ts";

const priority = (value: ParameterValue) => readPriority(new Map([["priority", value]]));
const timeout = (value: ParameterValue) => readTimeoutMs(new Map([["timeout", value]]));

describe("the schedule of a request", () => {
  it("is the default's where nothing or 0 is asked for", () => {
    assert.deepEqual([readPriority(NO_PARAMETERS), readTimeoutMs(NO_PARAMETERS)], [2, null]);
    assert.deepEqual([priority(0), priority(0n), timeout(0), timeout(0n)], [2, 2, null, null]);
  });

  it("has levels from 1, the most urgent, to 5; larger ones count as 5", () => {
    assert.deepEqual([1, 2, 3, 4, 5, 6, 2 ** 40].map(priority), [1, 2, 3, 4, 5, 5, 5]);
    assert.deepEqual([priority(1n), priority(2n ** 64n - 1n)], [1, 5]);
  });

  it("takes the timeout in microseconds", () => {
    assert.deepEqual([timeout(1500), timeout(2_000_000n)], [1.5, 2000]);
  });

  it("refuses what is no whole number from 0, naming it", () => {
    for (const value of [-1, 1.5, -3n, "1", true]) {
      const came = typeof value === "string" ? '"1"' : String(value);
      const message = (name: string) =>
        `parameter '${name}' must be a whole number from 0, got ${came}`;
      assert.throws(() => priority(value), {
        code: "invalid-argument",
        message: message("priority"),
      });
      assert.throws(() => timeout(value), {
        code: "invalid-argument",
        message: message("timeout"),
      });
    }
  });
});
