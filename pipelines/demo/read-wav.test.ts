import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readWav } from "./read-wav.ts";

interface WavParts {
  readonly format?: number;
  readonly channels?: number;
  readonly bits?: number;
  /** Chunks before the data: tag and body. */
  readonly before?: readonly (readonly [string, Buffer])[];
  readonly samples?: readonly number[];
  /** What the data chunk says of its length; default: the truth. */
  readonly dataBytes?: number;
}

function chunk(tag: string, body: Buffer, bytes = body.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(tag, "latin1");
  head.writeUInt32LE(bytes, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

function makeWav(parts: WavParts): Buffer {
  const {
    format = 1,
    channels = 1,
    bits = 16,
    before = [],
    samples = [0, 16_384, -32_768],
  } = parts;
  const fmt = Buffer.alloc(16);
  fmt.writeUInt16LE(format, 0);
  fmt.writeUInt16LE(channels, 2);
  fmt.writeUInt32LE(16_000, 4);
  fmt.writeUInt16LE(bits, 14);
  const data = Buffer.from(Int16Array.from(samples).buffer);
  const chunks = [
    ...before.map(([tag, body]) => chunk(tag, body)),
    chunk("fmt ", fmt),
    chunk("data", data, parts.dataBytes ?? data.length),
  ];
  const head = Buffer.from("RIFF\0\0\0\0WAVE", "latin1");
  return Buffer.concat([head, ...chunks]);
}

describe("readWav", () => {
  it("reads 16-bit mono PCM as floats from -1 to 1", () => {
    const { sampleRate, samples } = readWav(makeWav({}));
    assert.equal(sampleRate, 16_000);
    assert.deepEqual([...samples], [0, 0.5, -1]);
  });

  it("passes over other chunks, of odd length too", () => {
    const wav = makeWav({ before: [["LIST", Buffer.from("odd")]] });
    assert.deepEqual([...readWav(wav).samples], [0, 0.5, -1]);
  });

  it("takes what is there when the data says that it is longer, as streamed files do", () => {
    assert.deepEqual([...readWav(makeWav({ dataBytes: 0xffffffff })).samples], [0, 0.5, -1]);
  });

  it("refuses other files and formats, saying what came", () => {
    const cases: [Buffer, RegExp][] = [
      [Buffer.from("OggS and so on"), /expected a WAV file/],
      [Buffer.alloc(0), /expected a WAV file/],
      [makeWav({ format: 3 }), /expected 16-bit mono PCM, got format 3, 1 channels, 16 bits/],
      [makeWav({ channels: 2 }), /got format 1, 2 channels/],
      [makeWav({ bits: 24 }), /24 bits/],
      [makeWav({}).subarray(0, 36), /has no data/],
      [makeWav({}).subarray(0, 24), /ends within its format/],
      [Buffer.concat([makeWav({}).subarray(0, 12), chunk("data", Buffer.alloc(4))]), /no format/],
    ];
    for (const [bytes, message] of cases) assert.throws(() => readWav(bytes), { message });
  });
});
