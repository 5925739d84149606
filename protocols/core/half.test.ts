import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fromHalfBits, type HalfDatatype, isFiniteHalf, toHalfBits } from "./half.ts";

const BOTH: readonly HalfDatatype[] = ["FP16", "BF16"];
const values = (datatype: HalfDatatype) =>
  Array.from({ length: 0x10000 }, (_, bits) => ({ bits, value: fromHalfBits(bits, datatype) }));

describe("16-bit floats", () => {
  test("numpy's vectors", () => {
    const numbers = [1, -2.5, 65504, 0.1, 0, -0, Infinity, -Infinity];
    const bits = (datatype: HalfDatatype) => numbers.map((n) => toHalfBits(n, datatype));
    assert.deepEqual(bits("FP16"), [0x3c00, 0xc100, 0x7bff, 0x2e66, 0, 0x8000, 0x7c00, 0xfc00]);
    assert.deepEqual(bits("BF16"), [0x3f80, 0xc020, 0x4780, 0x3dcd, 0, 0x8000, 0x7f80, 0xff80]);
    assert.deepEqual(
      [0x0001, 0x03ff, 0x0400, 0x3555].map((pattern) => fromHalfBits(pattern, "FP16")),
      [2 ** -24, 1023 * 2 ** -24, 2 ** -14, 0.333251953125],
    );
  });

  for (const datatype of BOTH) {
    test(`${datatype}: every pattern reads and writes back`, () => {
      for (const { bits, value } of values(datatype)) {
        if (Number.isNaN(value)) assert.equal(isFiniteHalf(bits, datatype), false);
        else assert.equal(toHalfBits(value, datatype), bits);
        assert.equal(isFiniteHalf(bits, datatype), Number.isFinite(value));
      }
      assert.ok(Number.isNaN(fromHalfBits(toHalfBits(Number.NaN, datatype), datatype)));
    });

    test(`${datatype}: between two neighbours the nearer wins, and the even one at half way`, () => {
      const ordered = values(datatype).filter(({ bits }) => bits < 0x8000);
      for (const [i, { bits, value }] of ordered.entries()) {
        const next = ordered[i + 1];
        if (next === undefined || !Number.isFinite(next.value)) continue;
        const middle = (value + next.value) / 2;
        const even = bits % 2 === 0 ? bits : next.bits;
        assert.equal(toHalfBits(middle, datatype), even);
        assert.equal(toHalfBits(-middle, datatype), even | 0x8000);
        assert.equal(toHalfBits(middle - middle * 2 ** -50, datatype), bits);
        assert.equal(toHalfBits(middle + middle * 2 ** -50, datatype), next.bits);
      }
    });

    test(`${datatype}: beyond the largest by half a step is infinity`, () => {
      const largest = datatype === "FP16" ? 65504 : 255 * 2 ** 120;
      const half = datatype === "FP16" ? 16 : 2 ** 119;
      const max = datatype === "FP16" ? 0x7bff : 0x7f7f;
      assert.equal(toHalfBits(largest + half * 0.999, datatype), max);
      assert.equal(toHalfBits(largest + half, datatype), max + 1);
      assert.equal(toHalfBits(Number.MAX_VALUE, datatype), max + 1);
      assert.equal(toHalfBits(-Number.MAX_VALUE, datatype), (max + 1) | 0x8000);
      assert.equal(toHalfBits(5e-324, datatype), 0);
    });

    test(`${datatype}: no other pattern is nearer`, () => {
      fc.assert(
        fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
          const bits = toHalfBits(value, datatype);
          if (!isFiniteHalf(bits, datatype)) return;
          const distance = Math.abs(fromHalfBits(bits, datatype) - value);
          for (const other of [bits - 1, bits + 1]) {
            if (other < 0 || (other & 0x7fff) === 0x7fff) continue;
            const away = Math.abs(fromHalfBits(other, datatype) - value);
            assert.ok(Number.isNaN(away) || distance <= away);
          }
        }),
      );
    });
  }
});
