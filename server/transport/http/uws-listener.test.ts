import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { siblingUrl } from "../../lib/sibling-url.ts";
import { ask, inferBody, RawClient } from "../testing/clients.ts";
import { transportContract } from "../testing/transport-contract.ts";
import { loadUws } from "./load-uws.ts";
import { createUwsListener } from "./uws-listener.ts";

const { reason } = loadUws();

transportContract(
  { name: "uWebSockets.js", create: createUwsListener, canPipeline: false },
  reason,
);

test("two threads share one port, and a thread ends cleanly once its listener is closed", {
  skip: reason ?? false,
}, async () => {
  const thread = async (port: number) => {
    const worker = new Worker(siblingUrl(import.meta.url, "../testing/uws-thread"), {
      workerData: { port },
    });
    const [bound] = (await once(worker, "message")) as [number];
    return { worker, port: bound };
  };
  const first = await thread(0);
  const second = await thread(first.port);
  assert.equal(second.port, first.port);
  for (let i = 0; i < 20; i += 1) {
    const { json } = await ask(first.port, "/v2/models/double/infer", { body: inferBody([i]) });
    assert.deepEqual(json.outputs[0].data, [2 * i]);
  }
  // A keep-alive connection is open while the threads end.
  const idle = new RawClient(first.port);
  idle.write("GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await idle.answers(1);
  for (const { worker } of [first, second]) {
    const exit = once(worker, "exit");
    worker.postMessage("close");
    assert.deepEqual(await exit, [0]);
  }
  await idle.waitClosed();
});
