import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameCutter, FrameReader, FrameWriter } from "./native-frames.ts";

function bytesOf(...frames: readonly FrameWriter[]): Buffer {
  return Buffer.concat(frames.flatMap((frame) => frame.parts()));
}

test("frames come out as they went in, in whatever pieces the pipe gives", () => {
  const first = new FrameWriter("A")
    .u32(7)
    .f64(-0.5)
    .text("größer")
    .text(Uint8Array.of(1, 2, 3));
  const bytes = bytesOf(first, new FrameWriter("R"), new FrameWriter("T").u32(1).u32(2));
  for (const size of [1, 3, 7, 1000]) {
    const cutter = new FrameCutter();
    const frames: FrameReader[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      frames.push(...cutter.push(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(
      frames.map((frame) => frame.kind),
      ["A", "R", "T"],
      `pieces of ${size}`,
    );
    const [answer, , totals] = frames;
    assert.deepEqual(
      [answer?.u32(), answer?.f64(), answer?.text(), answer?.bytes()],
      [7, -0.5, "größer", Buffer.from([1, 2, 3])],
    );
    assert.deepEqual([totals?.u32(), totals?.u32()], [1, 2]);
  }
});

test("a field that is not there is said, not made up", () => {
  const frame = new FrameReader(Buffer.from([65, 9, 0, 0, 0, 1]));
  assert.throws(() => frame.bytes(), /a frame 'A' is cut short/);
});

test("a frame whose length no field holds is refused in words", () => {
  // Never touched, so it takes no memory.
  const bytes = new Uint8Array(2 ** 30);
  const frame = new FrameWriter("P").text(bytes).text(bytes).text(bytes);
  assert.equal(frame.parts().length, 8);
  assert.throws(() => frame.text(bytes).parts(), /less than 4 GiB, got 4294967313 bytes/);
});
