import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromHalfBits, type HalfDatatype, isFiniteHalf } from "../core/half.ts";
import { NO_PARAMETERS } from "../core/infer.ts";
import { request, response, tensor } from "../testing/codec-contract.ts";
import { GOLDEN_TENSORS } from "../testing/golden-bytes.ts";
import { decodeRestResponse } from "./client-codec.ts";
import { oipRestCodec } from "./infer-codec.ts";
import { assertRefused, dataOf, oneInput } from "./testing/decode-text.ts";

const BOTH: readonly HalfDatatype[] = ["FP16", "BF16"];
const NONE = request([], { parameters: NO_PARAMETERS });

function jsonOf(datatype: HalfDatatype, data: Uint16Array): Buffer {
  const { parts } = oipRestCodec.encode(response([tensor("y", datatype, data)]), NONE);
  return Buffer.concat(parts);
}

describe("16-bit floats in JSON", () => {
  for (const datatype of BOTH) {
    test(`${datatype}: the golden numbers read as the golden bytes`, () => {
      const golden = GOLDEN_TENSORS.find((each) => each.datatype === datatype);
      const data = dataOf(oneInput(datatype, "[2,2]", "[[1.0,-2.5],[65504,0.1]]")) as Uint16Array;
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      assert.equal(bytes.toString("hex"), golden?.hex);
    });

    test(`${datatype}: every finite pattern is written short and reads back`, () => {
      const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits).filter((bits) =>
        isFiniteHalf(bits, datatype),
      );
      const text = jsonOf(datatype, all);
      assert.deepEqual(decodeRestResponse(text, null).outputs[0]?.data, all);
      const texts = JSON.parse(text.toString().replaceAll(/([[,])(-?[0-9][^,\]]*)/g, '$1"$2"'));
      const longest = Math.max(
        ...texts.outputs[0].data
          .filter((each: string) => !/^-?[0-9]+$/.test(each))
          .map((each: string) => digitsOf(each).length),
      );
      assert.equal(longest, datatype === "FP16" ? 5 : 4);
    });

    test(`${datatype}: whole numbers are written in full`, () => {
      const whole = datatype === "FP16" ? 0x7bff : 0x4780;
      const number = datatype === "FP16" ? 65504 : 65536;
      assert.match(
        jsonOf(datatype, Uint16Array.of(whole)).toString(),
        new RegExp(`\\[${number}\\]`),
      );
    });

    test(`${datatype}: null is a missing value`, () => {
      const [input] = oneInput(datatype, "[2]", "[null,1]").inputs;
      const [first, second] = (input?.data ?? []) as Uint16Array;
      assert.deepEqual(
        [fromHalfBits(first ?? 0, datatype), fromHalfBits(second ?? 0, datatype), input?.hasNull],
        [Number.NaN, 1, true],
      );
    });

    test(`${datatype}: zero-size, rank 0 and refusals`, () => {
      assert.deepEqual(dataOf(oneInput(datatype, "[0]", "[]")), new Uint16Array(0));
      assert.equal(dataOf(oneInput(datatype, "[]", "-0"))?.[0], 0x8000);
      for (const element of ['"1"', "true", "NaN", "-"]) {
        assertRefused(() => oneInput(datatype, "[2]", `[1,${element}]`), /at element 1/);
      }
    });
  }

  test("a number beyond the datatype is refused by tensor and element", () => {
    const message = (name: string, number: string) =>
      new RegExp(
        `^tensor 'x': expected a number in the range of ${name} at element 1, got ${number}$`,
      );
    assertRefused(() => oneInput("FP16", "[2]", "[1,65520]"), message("FP16", "65520"));
    assertRefused(() => oneInput("FP16", "[2]", "[1,-1e9]"), message("FP16", "-1e9"));
    assertRefused(() => oneInput("BF16", "[2]", "[1,3.4e38]"), message("BF16", "3.4e38"));
    assertRefused(() => oneInput("BF16", "[2]", "[1,1e400]"), message("BF16", "1e400"));
    assert.equal(dataOf(oneInput("FP16", "[1]", "[65519.99]"))?.[0], 0x7bff);
    assert.equal(dataOf(oneInput("BF16", "[1]", "[3.39e38]"))?.[0], 0x7f7f);
  });
});

/** Significant digits of a decimal. */
function digitsOf(text: string): string {
  return (text.split("e")[0] ?? "").replaceAll(/[-.]/g, "").replace(/^0+/, "").replace(/0+$/, "");
}
