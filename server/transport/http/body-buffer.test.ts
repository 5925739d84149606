import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteBudget } from "../../request/byte-budget.ts";
import { BodyBuffer } from "./body-buffer.ts";

function budgetOf(bytes: number): ByteBudget {
  return new ByteBudget(new SharedArrayBuffer(8), bytes);
}

describe("BodyBuffer", () => {
  test("a declared body is one allocation, reserved before anything is read", () => {
    const budget = budgetOf(100);
    const body = new BodyBuffer(6, 10, budget);
    assert.equal(budget.usedBytes, 6);
    body.append(new Uint8Array([1, 2, 3]));
    assert.equal(body.isComplete, false);
    body.append(new Uint8Array([4, 5, 6]));
    assert.equal(body.isComplete, true);
    const bytes = body.take();
    assert.deepEqual([...bytes], [1, 2, 3, 4, 5, 6]);
    assert.equal(bytes.byteOffset, 0);
    assert.equal(bytes.buffer.byteLength, 6);
    assert.throws(() => body.append(new Uint8Array(1)), /longer than its content-length/);
    body.release();
    body.release();
    assert.equal(budget.usedBytes, 0);
  });

  test("a chunk is copied: its memory may be reused", () => {
    const body = new BodyBuffer(null, 100, budgetOf(100));
    const chunk = new Uint8Array([7]);
    body.append(chunk);
    chunk[0] = 0;
    assert.deepEqual([...body.take()], [7]);
  });

  test("a chunked body reserves as it grows and stops at the limit", () => {
    const budget = budgetOf(1_000_000);
    const body = new BodyBuffer(null, 50_000, budget);
    assert.equal(budget.usedBytes, 0);
    body.append(new Uint8Array(10).fill(1));
    assert.equal(budget.usedBytes, 16 * 1024);
    body.append(new Uint8Array(49_990).fill(2));
    assert.equal(budget.usedBytes, 50_000);
    assert.equal(body.take().byteLength, 50_000);
    assert.equal(body.take()[9], 1);
    assert.throws(() => body.append(new Uint8Array(1)), { code: "payload-too-large" });
    body.release();
    assert.equal(budget.usedBytes, 0);
  });

  test("no room: nothing is held", () => {
    const budget = budgetOf(5);
    assert.throws(() => new BodyBuffer(6, 10, budget), { code: "queue-full" });
    assert.throws(() => new BodyBuffer(11, 10, budget), { code: "payload-too-large" });
    assert.equal(budget.usedBytes, 0);
    const body = new BodyBuffer(4, 10, budget);
    assert.throws(() => body.holdAtLeast(6), { code: "queue-full" });
    assert.equal(budget.usedBytes, 4);
    body.release();
    assert.equal(budget.usedBytes, 0);
  });
});
