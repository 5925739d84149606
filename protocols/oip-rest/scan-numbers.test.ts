import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Datatype } from "../core/datatype.ts";
import type { TensorData } from "../core/tensor.ts";
import { inferErrorOf } from "../testing/codec-contract.ts";
import { exactInteger } from "./number-lexer.ts";
import { scanData } from "./scan-data.ts";

function scan(datatype: Datatype, texts: readonly string[]): TensorData {
  const bytes = Buffer.from(`[${texts.join(",")}]`);
  const count = texts.length;
  const head = { name: "x", datatype, shape: [count], count };
  return scanData(bytes, { start: 0, end: bytes.byteLength }, head, {
    isInput: false,
    nonFinite: [],
  }).data;
}

/** Texts whose value is hard: ties, long mantissas, the ends of the ranges. */
const HARD = [
  "0",
  "-0",
  "0.0",
  "-0.0e5",
  "1e22",
  "1e23",
  "1e-22",
  "1e-23",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "9007199254740993e-22",
  "0.30000000000000004",
  "0.10000000149011612",
  "8.41470984807896507e-1",
  "123456789012345678901234567890",
  "0.000000000000000000000000000000000000001",
  "1.7976931348623157e308",
  "5e-324",
  "2.4703282292062327e-324",
  "2.4703282292062328e-324",
  "1e-400",
  "0e999999999999999999999",
  "1.00000017881393432617187499",
  "1.00000017881393432617187500",
  "1.00000017881393432617187501",
  "1.000000059604644775390625",
  "1.0000000596046448",
  "16777217",
  "16777217.000000001",
  "16777216.999999999999999",
  "7.0064923216240854e-46",
  "7.0064923216240853e-46",
  "3.4028235677973362e38",
  "1E+2",
  "1e-2",
  "12.5e+0001",
];

const GRAMMAR_BREAKERS = [
  "",
  "-",
  "+1",
  "01",
  "-01",
  "1.",
  ".5",
  "-.5",
  "1e",
  "1e+",
  "1.e5",
  "1.5.5",
  "1e5.5",
  "0x10",
  "1_000",
  "NaN",
  "Infinity",
  "-Infinity",
  "--1",
  "1 2",
  "١",
  '"1"',
  "true",
  "[1]",
];

describe("scan-numbers", () => {
  test("hard FP64 texts read as JSON.parse reads them", () => {
    assert.deepEqual(
      scan("FP64", HARD),
      Float64Array.from(HARD, (text) => JSON.parse(text)),
    );
  });

  test("hard FP32 texts read as the FP32 nearest to their FP64", () => {
    const fitting = HARD.filter((text) => Number.isFinite(Math.fround(Number(text))));
    assert.ok(fitting.length < HARD.length);
    assert.deepEqual(
      scan("FP32", fitting),
      Float32Array.from(fitting, (text) => JSON.parse(text)),
    );
  });

  test("property: floats of any text read as JSON.parse reads them", () => {
    const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,24})$/);
    const text = fc
      .tuple(
        fc.constantFrom("", "-"),
        digits,
        fc.option(fc.stringMatching(/^[0-9]{1,25}$/)),
        fc.option(fc.integer({ min: -60, max: 30 })),
      )
      .map(([sign, whole, fraction, power]) => {
        const tail = `${fraction === null ? "" : `.${fraction}`}${power === null ? "" : `e${power}`}`;
        return `${sign}${whole}${tail}`;
      });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => {
        assert.deepEqual(scan("FP64", texts), Float64Array.from(texts, Number));
        const small = texts.filter((t) => Math.abs(Number(t)) < 3e38);
        assert.deepEqual(scan("FP32", small), Float32Array.from(small, Number));
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true }), (values) => {
        const texts = Array.from(values, (v) => (Object.is(v, -0) ? "-0" : `${v}`));
        assert.deepEqual(scan("FP32", texts), values.slice());
      }),
      { numRuns: 500 },
    );
  });

  test("FP32 halfway texts agree with Math.fround around every tie", () => {
    const texts: string[] = [];
    const half = new Float32Array(1);
    const bits = new Uint32Array(half.buffer);
    for (let seed = 1; seed < 300; seed++) {
      bits[0] = Math.imul(seed, 2654435761) & 0x7f7fffff;
      const low = half[0] as number;
      bits[0] = (bits[0] as number) + 1;
      const middle = (low + (half[0] as number)) / 2;
      if (!Number.isFinite(middle)) continue;
      for (const nudge of [1 - 2 ** -52, 1, 1 + 2 ** -52]) {
        texts.push((middle * nudge).toPrecision(17), (middle * nudge).toPrecision(19));
      }
    }
    const fitting = texts.filter((text) => Number.isFinite(Math.fround(Number(text))));
    assert.ok(fitting.length > 1000);
    assert.deepEqual(scan("FP32", fitting), Float32Array.from(fitting, Number));
  });

  test("numbers that break JSON's grammar are refused", () => {
    for (const datatype of ["FP32", "FP64", "INT8", "UINT32", "INT64", "UINT64"] as const) {
      for (const bad of GRAMMAR_BREAKERS) {
        const error = inferErrorOf(() => scan(datatype, ["1", bad]));
        assert.equal(error?.code, "invalid-argument", `${datatype} ${bad}`);
        assert.match(error.message, /tensor 'x'/);
      }
    }
  });

  test("floats out of range are refused, not made infinite", () => {
    for (const [datatype, text] of [
      ["FP32", "3.4028236e38"],
      ["FP32", "-1e39"],
      ["FP32", "340282366920938463463374607431768211456"],
      ["FP64", "1e309"],
      ["FP64", "-1e999999999999"],
    ] as const) {
      const error = inferErrorOf(() => scan(datatype, ["1", text]));
      assert.match(error?.message ?? "", /in the range of FP.. at element 1, got/);
    }
  });

  test("integers are exact at and refused past both ends", () => {
    const ends = {
      INT8: [-128n, 127n],
      UINT8: [0n, 255n],
      INT16: [-32768n, 32767n],
      UINT16: [0n, 65535n],
      INT32: [-2147483648n, 2147483647n],
      UINT32: [0n, 4294967295n],
      INT64: [-9223372036854775808n, 9223372036854775807n],
      UINT64: [0n, 18446744073709551615n],
    } as const;
    for (const [datatype, [min, max]] of Object.entries(ends)) {
      const read = scan(datatype as Datatype, [`${min}`, `${max}`, "1.0", "0.1e1", "100e-2"]);
      assert.deepEqual([...read].map(BigInt), [min, max, 1n, 1n, 1n]);
      for (const bad of [
        `${min - 1n}`,
        `${max + 1n}`,
        "1.5",
        "1e-1",
        "0.00000000000000000000000001",
        "1.0000000000000000000000001",
        "1e400",
        "1e999999999999999999",
        "1e-999999999999999999",
        "9".repeat(100_000),
      ]) {
        const error = inferErrorOf(() => scan(datatype as Datatype, ["1", "2", bad]));
        assert.equal(error?.code, "invalid-argument", `${datatype} ${bad.slice(0, 40)}`);
        assert.match(error.message, new RegExp(`'x'.*whole number .*${datatype}.*element 2, got`));
      }
    }
  });

  test("property: INT64 and UINT64 are exact", () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1 }),
        (values) => {
          assert.deepEqual(scan("INT64", values.map(String)), BigInt64Array.from(values));
          const unsigned = values.map((v) => BigInt.asUintN(64, v));
          assert.deepEqual(scan("UINT64", unsigned.map(String)), BigUint64Array.from(unsigned));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("exactInteger knows whole values in any form", () => {
    assert.equal(exactInteger("9007199254740993.000"), 9007199254740993n);
    assert.equal(exactInteger("-1.5e1"), -15n);
    assert.equal(exactInteger("0.000e-99"), 0n);
    assert.equal(exactInteger("-0"), 0n);
    assert.equal(exactInteger("15e-1"), null);
    assert.equal(exactInteger("1e64"), null);
  });
});
