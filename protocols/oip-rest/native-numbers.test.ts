import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { loadNativeRuntime } from "../../server/engine/native-runtime.ts";
import type { Datatype } from "../core/datatype.ts";
import type { TensorData } from "../core/tensor.ts";
import { inferErrorOf } from "../testing/codec-contract.ts";
import { installNumberAccelerator, type ScannedArray } from "./number-accelerator.ts";
import { scanData } from "./scan-data.ts";
import { joinFloat32 } from "./write-numbers.ts";

const { addon, reason } = loadNativeRuntime();
const NATIVE = { skip: reason === null ? false : `the addon does not load: ${reason}` };

const ARRAYS = {
  FP32: Float32Array,
  FP64: Float64Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
} as const;
type ScannedDatatype = keyof typeof ARRAYS;
const SCANNED = Object.keys(ARRAYS) as ScannedDatatype[];

/** What native code reads in the text, inside other bytes; null where it refuses. */
function scanNatively(
  datatype: ScannedDatatype,
  text: string | Buffer,
  shape: readonly number[],
): ScannedArray | null {
  const bytes = Buffer.concat([Buffer.from("9.5,"), Buffer.from(text), Buffer.from("5]")]);
  const out = new ARRAYS[datatype](shape.reduce((a, b) => a * b, 1));
  const isRead = addon?.scanNumbers(bytes, 4, bytes.length - 2, shape, out);
  return isRead === true ? out : null;
}

/** What TypeScript reads in the text; null where it refuses. */
function scanInTypescript(
  datatype: Datatype,
  text: string | Buffer,
  shape: readonly number[],
): TensorData | null {
  const bytes = Buffer.from(text);
  const head = { name: "x", datatype, shape, count: shape.reduce((a, b) => a * b, 1) };
  let data: TensorData | null = null;
  installNumberAccelerator(null);
  inferErrorOf(() => {
    data = scanData(bytes, { start: 0, end: bytes.length }, head, {
      isInput: false,
      nonFinite: [],
    }).data;
  });
  return data;
}

const digits = (max: number) => fc.stringMatching(new RegExp(`^(0|[1-9][0-9]{0,${max}})$`));
const number = fc
  .tuple(
    fc.constantFrom("", "", "-"),
    fc.oneof(digits(2), digits(24)),
    fc.option(
      fc.oneof(fc.stringMatching(/^[0-9]{1,25}$/), fc.stringMatching(/^0{1,30}[0-9]{0,3}$/)),
    ),
    fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "e-"), fc.integer({ min: 0, max: 60 })), {
      freq: 6,
    }),
  )
  .map(([sign, whole, fraction, power]) => {
    const tail = fraction === null ? "" : `.${fraction}`;
    return `${sign}${whole}${tail}${power?.join("") ?? ""}`;
  });

/** An array of numbers with its shape, flat or nested, white space anywhere. */
const array = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    fc.array(number, { minLength: 64, maxLength: 64 }),
    fc.boolean(),
    fc.constantFrom("", "", " ", "\n\t"),
  )
  .map(([shape, numbers, isNested, space]) => {
    let next = 0;
    const nest = (level: number): string => {
      if (level === shape.length) return numbers[next++] as string;
      const items = Array.from({ length: shape[level] as number }, () => nest(level + 1));
      return `[${space}${items.join(`${space},${space}`)}${space}]`;
    };
    const count = shape.reduce((a, b) => a * b, 1);
    const flat = `[${space}${numbers.slice(0, count).join(`,${space}`)}]`;
    return { shape, text: isNested ? nest(0) : flat };
  });

/** Bytes that break JSON, or nearly. */
const noise = fc.constantFrom(...'0123456789.-+eE,[] \n\t\r"{}nul\0\u00a0\ufeff'.split(""));

describe("native numbers: reading", NATIVE, () => {
  test("property: whatever native code takes, TypeScript takes too and reads the same", () => {
    fc.assert(
      fc.property(array, fc.constantFrom(...SCANNED), ({ shape, text }, datatype) => {
        const natively = scanNatively(datatype, text, shape);
        if (natively !== null) assert.deepEqual(natively, scanInTypescript(datatype, text, shape));
      }),
      { numRuns: 3000 },
    );
  });

  test("property: native code takes every float, and every integer that is written as one", () => {
    const isTiny = (text: string) =>
      /[1-9]/.test(text.replace(/[eE].*/, "")) && Math.abs(Number(text)) < 2.3e-308;
    fc.assert(
      fc.property(array, ({ shape, text }) => {
        if (text.split(/[^0-9eE.+-]+/).some(isTiny)) return;
        for (const datatype of ["FP32", "FP64"] as const) {
          const expected = scanInTypescript(datatype, text, shape);
          assert.deepEqual(scanNatively(datatype, text, shape), expected);
        }
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), { minLength: 1 }),
        fc.integer({ min: 0, max: 62 }),
        (values, shift) => {
          const text = `[${values.map((value) => value >> BigInt(shift)).join(",")}]`;
          for (const datatype of ["INT32", "INT64", "UINT8"] as const) {
            const expected = scanInTypescript(datatype, text, [values.length]);
            assert.deepEqual(scanNatively(datatype, text, [values.length]), expected);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("property: broken text is refused where TypeScript refuses it", () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), noise), {
      minLength: 1,
      maxLength: 3,
    });
    let broken = 0;
    fc.assert(
      fc.property(
        array,
        edits,
        fc.constantFrom(...SCANNED),
        ({ shape, text }, changes, datatype) => {
          let mangled = text;
          for (const [where, cut, insert] of changes) {
            const at = where % (mangled.length + 1);
            mangled = mangled.slice(0, at) + insert + mangled.slice(at + cut);
          }
          const expected = scanInTypescript(datatype, mangled, shape);
          if (expected === null) broken++;
          const natively = scanNatively(datatype, mangled, shape);
          if (natively !== null) assert.deepEqual(natively, expected);
        },
      ),
      { numRuns: 5000 },
    );
    assert.ok(broken > 1000, `only ${broken} texts were broken`);
  });

  test("hostile text", () => {
    const nines = "9".repeat(400);
    const cases: readonly (readonly [string | Buffer, readonly number[], number | null])[] = [
      [`[${nines}e-400]`, [1], 1],
      [`[0.${"0".repeat(400)}1e401]`, [1], 1],
      [`[${nines}]`, [1], null],
      ["[1e999999999999999999999]", [1], null],
      ["[0e999999999999999999999]", [1], 0],
      [`[1e${nines}]`, [1], null],
      ["[".repeat(100_000), [1], null],
      ["[".repeat(100_000), [1, 1, 1], null],
      ["[[1]]", [1], null],
      ["[1]", [1, 1, 1], 1],
      ["[1,2]", [1], null],
      ["[]", [1], null],
      ["[1", [1], null],
      ["[1.", [1], null],
      ["[-", [1], null],
      ["[1e", [1], null],
      ["", [1], null],
      ["", [], null],
      ["7", [], 7],
      [" 7", [], 7],
      ["7 ", [], null],
      ["[7]", [], 7],
      ["7", [1], null],
      ["[1\0]", [1], null],
      ["\ufeff[1]", [1], null],
      ["[\u00a01]", [1], null],
      [Buffer.of(0x5b, 0xb1, 0x5d), [1], null],
      ["[null]", [1], null],
      ["[NaN]", [1], null],
      ["[Infinity]", [1], null],
      ["[0x1]", [1], null],
      ["[1_0]", [1], null],
    ];
    for (const [text, shape, expected] of cases) {
      for (const datatype of ["FP32", "FP64"] as const) {
        const read = scanNatively(datatype, text, shape);
        assert.equal(read?.[0] ?? null, expected, `${datatype} ${text.toString().slice(0, 40)}`);
      }
    }
  });

  test("every truncation is refused", () => {
    const text = "[[0.4123567342758179,-12],[1.5e-3,12345678901234567890.125]]";
    assert.ok(scanNatively("FP64", text, [2, 2]) !== null);
    for (let end = 0; end < text.length; end++) {
      assert.equal(scanNatively("FP64", text.slice(0, end), [2, 2]), null);
    }
  });

  test("a shape that does not fit the array is refused; other arguments are a TypeError", () => {
    const bytes = Buffer.from("[[1],[2]]");
    const out = new Float32Array(2);
    const scan = addon?.scanNumbers;
    assert.ok(scan !== undefined);
    for (const shape of [[1], [2, 2], [2 ** 53 - 1, 2 ** 53 - 1], [0, 2], [0.5, 4]]) {
      try {
        assert.equal(scan(bytes, 0, 9, shape, out), false);
      } catch (thrown) {
        assert.ok(thrown instanceof TypeError && shape[0] === 0.5);
      }
    }
    assert.equal(scan(bytes, 0, 9, [2, 1], out), true);
    for (const [start, end] of [
      [0, 10],
      [-1, 9],
      [5, 4],
      [0, Number.NaN],
      [0, 2 ** 60],
    ] as const) {
      assert.throws(() => scan(bytes, start, end, [2, 1], out), TypeError);
    }
    assert.throws(() => Reflect.apply(scan, null, [bytes, 0, 9, "x", out]), TypeError);
    assert.throws(() => Reflect.apply(scan, null, ["[1]", 0, 3, [1], out]), TypeError);
    assert.throws(() => Reflect.apply(scan, null, []), TypeError);
    assert.equal(Reflect.apply(scan, null, [bytes, 0, 9, [2, 1], new Int16Array(2)]), false);
  });

  test("a shape that detaches the text while it is read harms nobody", () => {
    const memory = new ArrayBuffer(9);
    const bytes = new Uint8Array(memory);
    bytes.set(Buffer.from("[[1],[2]]"));
    const detach = () => {
      structuredClone(memory, { transfer: [memory] });
      return 2;
    };
    const shape = [2, 1];
    Object.defineProperty(shape, 0, { get: detach });
    assert.throws(
      () => addon?.scanNumbers(bytes, 0, 9, shape, new Float32Array(2)),
      /scanNumbers: expected bytes, a range inside them/,
    );
  });
});

function writeNatively(values: Float32Array | Float64Array, roomBytes: number): string | null {
  const out = Buffer.alloc(roomBytes + 1, "#");
  const bytes = addon?.writeNumbers(values, out.subarray(0, roomBytes)) ?? -1;
  assert.equal(out.toString("latin1", roomBytes), "#");
  return bytes === -1 ? null : out.toString("latin1", 0, bytes);
}

const formatFloat64 = (value: number) => (Object.is(value, -0) ? "-0" : `${value}`);

describe("native numbers: writing", NATIVE, () => {
  test("property: the characters are those of write-numbers.ts and of Number's own text", () => {
    const finite = { noNaN: true, noDefaultInfinity: true } as const;
    fc.assert(
      fc.property(fc.float32Array({ ...finite, maxLength: 50 }), (values) => {
        assert.equal(writeNatively(values, values.length * 26 + 2), `[${joinFloat32(values)}]`);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.float64Array({ ...finite, maxLength: 50 }), (values) => {
        const texts = Array.from(values, formatFloat64);
        assert.equal(writeNatively(values, values.length * 26 + 2), `[${texts.join(",")}]`);
      }),
      { numRuns: 2000 },
    );
  });

  test("every decade, the ends of the ranges and the turns of the layout", () => {
    const values: number[] = [
      0,
      -0,
      5e-324,
      1.7976931348623157e308,
      2 ** 53,
      123456789012345680000,
    ];
    for (let power = -323; power <= 308; power++) {
      for (const head of ["1", "9.999999999999999", "1.2345", "-4.5678901234567e"]) {
        values.push(Number(`${head.replace(/e$/, "")}e${power}`));
      }
    }
    const wide = Float64Array.from(values).filter(Number.isFinite);
    assert.equal(
      writeNatively(wide, wide.length * 26 + 2),
      `[${Array.from(wide, formatFloat64).join(",")}]`,
    );
    const narrow = Float32Array.from(values).filter(Number.isFinite);
    assert.equal(writeNatively(narrow, narrow.length * 26 + 2), `[${joinFloat32(narrow)}]`);
  });

  test("too little room and values that are not finite are -1", () => {
    const values = Float64Array.of(1, -2.5, 1e300, 12345.678);
    const text = `[${values.join(",")}]`;
    for (let room = 0; room < text.length; room++) assert.equal(writeNatively(values, room), null);
    assert.equal(writeNatively(values, text.length), "[1,-2.5,1e+300,12345.678]");
    assert.equal(writeNatively(new Float32Array(0), 2), "[]");
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      assert.equal(writeNatively(Float32Array.of(1, odd), 100), null);
      assert.equal(writeNatively(Float64Array.of(odd, 1), 100), null);
    }
  });
});
