import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { joinFloat32, joinIntegers } from "./write-numbers.ts";

const readBack = (text: string) => Float32Array.from(JSON.parse(`[${text}]`));

describe("write-numbers", () => {
  test("FP32 text is as short as a person would write it", () => {
    for (const text of [
      "0",
      "-0",
      "1",
      "-1",
      "0.1",
      "-0.25",
      "3.14159",
      "0.333333",
      "99.99",
      "1000000",
      "123456.5",
      "16777216",
      "0.000001",
      "0.00000012",
      "999999872",
      "1000000000",
      "1.401298464324817e-45",
      "3.4028234663852886e+38",
    ]) {
      assert.equal(joinFloat32(Float32Array.of(Number(text))), text);
    }
    assert.equal(joinFloat32(Float32Array.of(9.9999994e-8)), `${Math.fround(9.9999994e-8)}`);
  });

  test("every decade and its edges read back as the same FP32", () => {
    const values: number[] = [];
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    for (let power = -45; power <= 38; power++) {
      float[0] = Number(`1e${power}`);
      const middle = bits[0] as number;
      for (let step = -40; step <= 40; step++) {
        bits[0] = Math.max(0, middle + step);
        if (Number.isFinite(float[0])) values.push(float[0], -float[0]);
      }
      for (let seed = 1; seed < 60; seed++) {
        values.push(Math.fround((Number(`1e${power}`) * seed) / 61.7));
      }
    }
    const data = Float32Array.from(values).filter(Number.isFinite);
    // More than one block, so that the seams are tried too.
    assert.ok(data.length > 10_000);
    assert.deepEqual(readBack(joinFloat32(data)), data);
  });

  test("property: any FP32 reads back, in no more characters than its FP64 text", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = joinFloat32(Float32Array.of(value));
        assert.deepEqual(readBack(text), Float32Array.of(value));
        assert.ok(text.length <= `${value}`.length + 6, text);
      }),
      { numRuns: 2000 },
    );
  });

  test("integers, with many blocks", () => {
    assert.equal(joinIntegers(Uint8Array.of()), "");
    assert.equal(joinIntegers(Uint32Array.of(0, 10, 4294967295)), "0,10,4294967295");
    assert.equal(joinIntegers(Int32Array.of(-2147483648, 2147483647)), "-2147483648,2147483647");
    const many = Int16Array.from({ length: 9999 }, (_, i) => i * 7919);
    assert.equal(joinIntegers(many), many.join(","));
  });
});
