import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeContext, TEST_OPTIONS } from "../testing/fake-context.ts";
import { StreamSession } from "./stream-session.ts";

test("a stream that the server closes drops what is in flight, whatever its client does", async () => {
  const context = createFakeContext();
  const closed: number[] = [];
  const session = new StreamSession(
    context,
    { ...TEST_OPTIONS, maxBodyBytes: 200 },
    { credential: null, ref: null, subprotocol: null, requestId: "r" },
    {
      sendText: () => undefined,
      bufferedBytes: () => 0,
      flushed: async () => undefined,
      close: (code) => closed.push(code),
    },
  );
  const inputs = [{ name: "x", datatype: "FP32", shape: [1], data: [1] }];
  session.onText(Buffer.from(JSON.stringify({ id: "1", model_name: "slow", inputs })));
  assert.equal(context.models.gate.waiting, 1);
  session.onText(Buffer.alloc(201, 0x20));
  assert.deepEqual([closed, context.models.gate.waiting], [[1009], 0]);
  while (session.inFlight > 0) await new Promise(setImmediate);
  assert.equal(context.pipeline.bytes.usedBytes, 0);
});
