import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "./byte-writer.ts";

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("ByteWriter", () => {
  test("messages are what was written, whatever is written after them", () => {
    const writer = new ByteWriter();
    const messages: Uint8Array[] = [];
    const expected: string[] = [];
    for (let i = 0; i < 3000; i++) {
      writer.begin();
      writer.ascii(`${i}:`);
      writer.text("é🦊".repeat(i % 40));
      writer.bytes(Buffer.from("x".repeat(i % 7)));
      messages.push(writer.take());
      expected.push(`${i}:${"é🦊".repeat(i % 40)}${"x".repeat(i % 7)}`);
    }
    assert.deepEqual(messages.map(textOf), expected);
  });

  test("every kind of piece may be the one that needs new memory", () => {
    const pieces: ((writer: ByteWriter) => void)[] = [
      (writer) => writer.byte(0x7c),
      (writer) => writer.ascii("|".repeat(9)),
      (writer) => writer.text("|".repeat(9)),
      (writer) => writer.quoted("|".repeat(7)),
      (writer) => writer.bytes(Buffer.from("|".repeat(9))),
    ];
    for (const write of pieces) {
      const writer = new ByteWriter();
      for (let i = 0; i < 40_000; i++) {
        writer.begin();
        writer.byte(0x28);
        write(writer);
        writer.byte(0x29);
        assert.match(textOf(writer.take()), /^\((\|+|"\|+")\)$/);
      }
    }
  });

  test("a message that was begun and not taken is forgotten", () => {
    const writer = new ByteWriter();
    writer.ascii("kept");
    const kept = writer.take();
    writer.begin();
    writer.ascii("left behind");
    writer.begin();
    writer.ascii("next");
    assert.equal(textOf(writer.take()), "next");
    assert.equal(textOf(kept), "kept");
  });

  test("a message may grow beyond its memory, and is cut back to a length that it had", () => {
    const writer = new ByteWriter();
    writer.begin();
    for (let i = 0; i < 100_000; i++) writer.byte(0x61);
    const { length } = writer;
    writer.text("b".repeat(50_000));
    writer.truncate(length);
    const message = writer.take();
    assert.equal(textOf(message), "a".repeat(100_000));
    writer.ascii("small");
    const small = writer.take();
    assert.ok(small.buffer.byteLength < 100_000, "a small message keeps no large one's memory");
  });

  test("a large message that was not taken leaves no memory behind", () => {
    const writer = new ByteWriter();
    writer.text("é".repeat(1_000_000));
    writer.begin();
    writer.ascii("{}");
    const message = writer.take();
    assert.equal(textOf(message), "{}");
    assert.ok(message.buffer.byteLength < 100_000);
  });

  test("text taken as ASCII leaves the writer empty", () => {
    const writer = new ByteWriter();
    for (const text of ["one", "two", "3".repeat(60_000)]) {
      writer.ascii(text);
      assert.equal(writer.takeAscii(), text);
      assert.equal(writer.length, 0);
    }
    writer.begin();
    writer.ascii("x");
    assert.ok(writer.take().buffer.byteLength < 60_000);
  });

  test("property: quoted is JSON.stringify", () => {
    const writer = new ByteWriter();
    const quoted = (value: string) => {
      writer.begin();
      writer.quoted(value);
      return textOf(writer.take());
    };
    const unit = fc.constantFrom(...'aZ09 ~!"\\/\u0000\u001f\u007f\u0080é\u2028🦊\ud83e'.split(""));
    const text = fc.oneof(fc.string({ unit, maxLength: 70 }), fc.string({ maxLength: 200 }));
    fc.assert(
      fc.property(text, (value) => {
        assert.equal(quoted(value), JSON.stringify(value));
      }),
      { numRuns: 2000 },
    );
    for (let code = 0; code < 0x200; code++) {
      const char = String.fromCharCode(code);
      assert.equal(quoted(char), JSON.stringify(char));
    }
  });
});
