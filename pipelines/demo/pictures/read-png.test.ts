import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { readPng } from "./read-png.ts";

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  // The check sum is not looked at.
  return Buffer.concat([length, typed, Buffer.alloc(4)]);
}

/** @param rows each with its filter's number first */
function png(width: number, colourType: number, rows: readonly number[][]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(rows.length, 4);
  header.set([8, colourType, 0, 0, 0], 8);
  const data = deflateSync(Buffer.from(rows.flat()));
  const parts = [chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]);
}

describe("readPng", () => {
  it("undoes every filter", () => {
    const rows = [
      [0, 10, 20, 30],
      [1, 10, 10, 10],
      [2, 1, 1, 1],
      [3, 6, 6, 6],
      [4, 1, 1, 250],
    ];
    const { width, height, channels, samples } = readPng(png(3, 0, rows));
    assert.deepEqual([width, height, channels], [3, 5, 1]);
    // By hand from the PNG specification, section 9.
    const expected = [10, 20, 30, 10, 20, 30, 11, 21, 31, 11, 22, 32, 12, 23, 26];
    assert.deepEqual([...samples], expected);
  });

  it("keeps the samples of a pixel together", () => {
    const { channels, samples } = readPng(png(2, 2, [[1, 1, 2, 3, 10, 10, 10]]));
    assert.equal(channels, 3);
    assert.deepEqual([...samples], [1, 2, 3, 11, 12, 13]);
  });

  it("says what it cannot read", () => {
    assert.throws(() => readPng(Buffer.from("GIF89a")), /not a PNG file/);
    assert.throws(() => readPng(png(1, 6, [[0, 1, 2, 3, 4]])), /expected a PNG of 8 bits/);
    assert.throws(() => readPng(png(1, 0, [[5, 1]])), /filter 5 is unknown/);
  });
});
