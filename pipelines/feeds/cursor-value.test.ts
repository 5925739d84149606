import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { advanceCursor, formatCursor, lagFloor, parseCursor, parseTime } from "./cursor-value.ts";

describe("cursor values", () => {
  const times: readonly (readonly [string, string])[] = [
    ["1970-01-01", "1970-01-01T00:00:00Z"],
    ["2024-02-29T12:30:00Z", "2024-02-29T12:30:00Z"],
    ["2024-02-29 12:30:00.123456+00", "2024-02-29T12:30:00.123456Z"],
    ["2024-01-01T00:30:00+02:00", "2023-12-31T22:30:00Z"],
    ["2024-01-01T00:30:00-0530", "2024-01-01T06:00:00Z"],
    ["2024-01-01 00:00:00.5", "2024-01-01T00:00:00.5Z"],
    ["2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.123456Z"],
    ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"],
    ["0044-03-15", "0044-03-15T00:00:00Z"],
  ];
  for (const [text, expected] of times) {
    it(`reads ${text}`, () => {
      const at = parseTime(text);
      assert.equal(at === null ? null : formatCursor("time", at), expected);
    });
  }
  for (const text of [
    "",
    "2024",
    "2024-02-30",
    "2024-13-01",
    "24:00",
    "infinity",
    "2024-01-01T25:00",
  ]) {
    it(`refuses '${text}' as a time`, () => assert.equal(parseTime(text), null));
  }

  it("keeps integers beyond 2^53", () => {
    assert.equal(parseCursor("integer", "9007199254740993"), 9007199254740993n);
    assert.equal(parseCursor("integer", "1.5"), null);
    assert.equal(formatCursor("integer", -5n), "-5");
  });

  it("looks back in times only", () => {
    assert.equal(lagFloor("time", 10_000_000n, 1.5), 8_500_000n);
    assert.equal(lagFloor("integer", 10n, 3600), 10n);
    const floor = lagFloor("date", parseTime("2024-01-02") ?? 0n, 3600);
    assert.equal(formatCursor("date", floor), "2024-01-01");
    assert.equal(lagFloor("date", 0n, 0), 0n);
  });

  it("never goes back, and not past the ceiling", () => {
    assert.equal(advanceCursor(null, null, 5n), null);
    assert.equal(advanceCursor(3n, 2n, 5n), 3n);
    assert.equal(advanceCursor(3n, 4n, 5n), 4n);
    assert.equal(advanceCursor(3n, 9n, 5n), 5n);
    assert.equal(advanceCursor(3n, 9n, null), 9n);
  });
});
