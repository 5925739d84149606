import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { inferErrorOf, request, response, tensor } from "../testing/codec-contract.ts";
import { oipRestCodec } from "./infer-codec.ts";
import { installNumberAccelerator, type NumberAccelerator } from "./number-accelerator.ts";
import { dataOf, oneInput } from "./testing/decode-text.ts";

/** Counts its calls; refuses to read and to write. */
class Refuser implements NumberAccelerator {
  scans = 0;
  writes = 0;

  scanNumbers(..._args: Parameters<NumberAccelerator["scanNumbers"]>): boolean {
    this.scans++;
    return false;
  }

  writeNumbers(): number {
    this.writes++;
    return -1;
  }
}

const LONG = Array.from({ length: 5000 }, (_, i) => i % 200);

describe("number accelerator", () => {
  afterEach(() => installNumberAccelerator(null));

  test("reads long numbers of its five datatypes, and nothing else", () => {
    const long = JSON.stringify(LONG);
    const ones = JSON.stringify(LONG.map(() => 1));
    const scansOf = (datatype: string, data: string) => {
      const refuser = new Refuser();
      installNumberAccelerator(refuser);
      assert.equal(
        dataOf(oneInput(datatype, `[${JSON.parse(data).length}]`, data))?.length,
        JSON.parse(data).length,
      );
      return refuser.scans;
    };
    for (const datatype of ["FP32", "FP64", "INT32", "INT64", "UINT8"]) {
      assert.ok(scansOf(datatype, long) > 0, datatype);
      assert.equal(scansOf(datatype, "[1,2,3]"), 0);
    }
    for (const datatype of ["BOOL", "INT8", "UINT16", "UINT32", "UINT64"]) {
      assert.equal(scansOf(datatype, ones), 0, datatype);
    }
    assert.equal(scansOf("BYTES", JSON.stringify(LONG.map(String))), 0);
  });

  test("what it refuses is read and explained as without it", () => {
    const texts = [[...LONG, 1], LONG.with(4000, -1), LONG.with(4999, 0.5)].map((v) =>
      JSON.stringify(v),
    );
    texts.push(JSON.stringify(LONG).replace("77,", "null,"), JSON.stringify(LONG).slice(0, -1));
    const messages = () =>
      ["UINT8", "FP32"].flatMap((datatype) =>
        texts.map(
          (text) => inferErrorOf(() => oneInput(datatype, "[5000]", text))?.message ?? null,
        ),
      );
    const expected = messages();
    const refuser = new Refuser();
    installNumberAccelerator(refuser);
    assert.deepEqual(messages(), expected);
    assert.ok(refuser.scans > 0 && expected.some((message) => message !== null));
    assert.deepEqual(
      dataOf(oneInput("FP32", "[5000]", JSON.stringify(LONG))),
      Float32Array.from(LONG),
    );
  });

  test("what it reads is the answer; what it writes is the text, in blocks", () => {
    installNumberAccelerator({
      scanNumbers(_bytes, _start, _end, shape, out) {
        out.fill((out instanceof BigInt64Array ? 7n : 7) as never);
        return shape.length === 1;
      },
      writeNumbers: (values, out) => Buffer.from(`[${values.join(",")}]`).copy(out),
    });
    assert.deepEqual(
      dataOf(oneInput("INT64", "[5000]", JSON.stringify(LONG))),
      new BigInt64Array(5000).fill(7n),
    );
    const eighths = Array.from({ length: 9000 }, (_, i) => i / 8);
    for (const [datatype, many] of [
      ["FP32", Float32Array.from(eighths)],
      ["FP64", Float64Array.from(eighths)],
    ] as const) {
      const answer = oipRestCodec.encode(response([tensor("y", datatype, many)]), request([]));
      const { outputs } = JSON.parse(Buffer.concat(answer.parts).toString());
      assert.deepEqual(outputs[0].data, eighths);
    }
  });

  test("values that are not finite are refused as without it", () => {
    const data = Float32Array.from(LONG);
    data[4321] = Number.NaN;
    const encode = () => oipRestCodec.encode(response([tensor("y", "FP32", data)]), request([]));
    const expected = inferErrorOf(encode)?.message;
    assert.match(expected ?? "", /element 4321 is NaN/);
    const refuser = new Refuser();
    installNumberAccelerator(refuser);
    assert.equal(inferErrorOf(encode)?.message, expected);
    assert.equal(refuser.writes, 1);
  });
});
