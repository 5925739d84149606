import assert from "node:assert/strict";
import { test } from "node:test";
import { InferError } from "../../../protocols/core/status.ts";
import { chooseContentCoding, readContentCoding } from "./content-coding.ts";

test("the coding of a request is one of two, in any case, or none", () => {
  const read = ["gzip", "GZIP", "x-gzip", " deflate ", "identity", ""].map(readContentCoding);
  assert.deepEqual(read, ["gzip", "gzip", "gzip", "deflate", null, null]);
  for (const header of ["br", "gzip, deflate", "gzip,gzip", "zstd", "gzip;q=1"]) {
    assert.throws(
      () => readContentCoding(header),
      (error) =>
        error instanceof InferError &&
        error.code === "unsupported" &&
        error.details?.["acceptEncoding"] === "gzip, deflate",
    );
  }
});

test("the coding of an answer follows the client's weights", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["gzip", "gzip"],
    ["deflate", "deflate"],
    ["deflate, gzip", "gzip"],
    ["gzip;q=0.5, deflate;q=0.8", "deflate"],
    ["gzip; q=0.5 , deflate;q=0.5", "gzip"],
    ["br, x-gzip;q=0.2", "gzip"],
    ["*", "gzip"],
    ["*;q=0.3, gzip;q=0", "deflate"],
    ["*;q=0", null],
    ["gzip;q=0", null],
    ["gzip;q=0.000, deflate;q=0.001", "deflate"],
    ["identity", null],
    ["identity;q=0.9, gzip;q=0.5", null],
    ["identity;q=0.5, gzip;q=0.5", "gzip"],
    ["identity;q=0, gzip", "gzip"],
    ["br", null],
    ["", null],
    ["gzip;q=2", null],
    ["gzip;q=nan", null],
    ["gzip;level=9", null],
    [";;,,=", null],
  ];
  for (const [header, wanted] of cases) assert.equal(chooseContentCoding(header), wanted, header);
});
