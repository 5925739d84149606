import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InferError } from "../../../protocols/core/status.ts";
import { SharedTimeout } from "../../lib/shared-timeout.ts";
import { ByteBudget } from "../../request/byte-budget.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { BodyRead, type BodyReceiver } from "./body-read.ts";

const MAX_BYTES = 10;

/** A read of a body, and all that its receiver was told. */
function setUp(declaredBytes: number | null) {
  const told: (string | { bytes: Uint8Array; isBorrowed: boolean })[] = [];
  const receiver: BodyReceiver = {
    onBody: (bytes, isBorrowed) => told.push({ bytes, isBorrowed }),
    onBodyFailed: (reason) => told.push(reason.code),
  };
  const budget = new ByteBudget(new SharedArrayBuffer(8), 100);
  const timeouts = new SharedTimeout<BodyRead>(60_000, () => undefined);
  const body = new BodyBuffer(declaredBytes, MAX_BYTES, budget);
  return { told, budget, body, read: new BodyRead(body, receiver, timeouts) };
}

describe("BodyRead", () => {
  test("a body that comes whole is handed on where it lies", () => {
    for (const declaredBytes of [3, null]) {
      const { told, budget, body, read } = setUp(declaredBytes);
      const chunk = Uint8Array.of(1, 2, 3);
      read.take(chunk, true);
      assert.equal(told.length, 1);
      assert.deepEqual(told[0], { bytes: chunk, isBorrowed: true });
      assert.equal((told[0] as { bytes: Uint8Array }).bytes, chunk);
      assert.equal(budget.usedBytes, 3);
      body.release();
      assert.equal(budget.usedBytes, 0);
    }
  });

  test("a listener that cannot tell the last chunk is understood by the declared length", () => {
    const { told, read } = setUp(2);
    read.take(Uint8Array.of(1, 2), false);
    assert.equal(told.length, 1);
    read.finish();
    assert.equal(told.length, 1);
  });

  test("pieces are put together in memory of their own", () => {
    const { told, read } = setUp(4);
    const chunk = Uint8Array.of(1, 2);
    read.take(chunk, false);
    chunk.fill(9);
    assert.equal(told.length, 0);
    read.take(Uint8Array.of(3, 4), true);
    assert.deepEqual(told, [{ bytes: Uint8Array.of(1, 2, 3, 4), isBorrowed: false }]);
  });

  test("chunks of an undeclared body end with `finish` or with an empty last one", () => {
    for (const end of [
      (read: BodyRead) => read.finish(),
      (read: BodyRead) => read.take(new Uint8Array(0), true),
    ]) {
      const { told, read } = setUp(null);
      read.take(Uint8Array.of(1), false);
      end(read);
      assert.deepEqual(told, [{ bytes: Uint8Array.of(1), isBorrowed: false }]);
    }
  });

  test("more than the limit is refused, whole or in pieces", () => {
    for (const sizes of [[11], [6, 5]]) {
      const { told, read } = setUp(null);
      for (const [i, size] of sizes.entries()) {
        read.take(new Uint8Array(size), i === sizes.length - 1);
      }
      assert.deepEqual(told, ["payload-too-large"]);
    }
  });

  test("settles once, whatever comes afterwards", () => {
    const reason = new InferError("deadline-exceeded", "late");
    const { told, read } = setUp(4);
    read.take(Uint8Array.of(1), false);
    assert.equal(read.isCutShort, false);
    read.cutShort(reason);
    assert.equal(read.isCutShort, true);
    read.take(Uint8Array.of(2, 3, 4), true);
    read.abort();
    read.finish();
    assert.deepEqual(told, ["deadline-exceeded"]);
  });

  test("a client that goes away is told as cancelled", () => {
    const { told, read } = setUp(4);
    read.abort();
    read.abort();
    assert.deepEqual(told, ["cancelled"]);
  });
});
