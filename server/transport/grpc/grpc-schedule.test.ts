import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { epochNowMs } from "../../lib/epoch-clock.ts";
import type { Listener } from "../serving-context.ts";
import { until } from "../testing/clients.ts";
import { createGrpcListener } from "./grpc-listener.ts";
import { createFakeServing, type FakeServing, INFER_KEY } from "./testing/fake-serving.ts";
import { createRawClient, type RawClient } from "./testing/raw-client.ts";

const AS_INFERRER = { metadata: { authorization: `Bearer ${INFER_KEY}` } };
const INPUT = { name: "x", datatype: "FP32", shape: ["1", "2"] };

let fake: FakeServing;
let listener: Listener;
let client: RawClient;

before(async () => {
  fake = createFakeServing();
  listener = await createGrpcListener(fake.context, {
    ...{ host: "127.0.0.1", port: 0, maxMessageBytes: 1 << 20, tls: null },
  });
  client = await createRawClient(listener.port);
});
beforeEach(() => {
  fake.held.length = 0;
  fake.outcomes.length = 0;
});
after(async () => {
  client.close();
  await listener.close(5000);
  assert.deepEqual([fake.usedBytes(), fake.leases()], [0, 0]);
});

function rowFor(model: string, rest: object): object {
  const inputs = [{ ...INPUT, contents: { fp32_contents: [1, 2] } }];
  return { model_name: model, inputs, ...rest };
}

describe("the schedule of a call", () => {
  test("a call that its client cancelled is cancelled here too", async () => {
    let cancel: () => void = () => undefined;
    const call = client.call("ModelInfer", rowFor("gate", {}), {
      ...AS_INFERRER,
      onCall: (started) => {
        cancel = () => started.cancel();
      },
    });
    await fake.whenHeld(1);
    cancel();
    assert.equal((await call).error?.code, 1);
    await until("nothing held", () => fake.leases() === 0 && fake.usedBytes() === 0);
    assert.deepEqual(
      fake.outcomes.map(({ errorCode }) => errorCode),
      ["cancelled"],
    );
  });

  test("priority and timeout are parameters, the timeout in microseconds", async () => {
    const parameters = { priority: { int64_param: "1" }, timeout: { int64_param: "30000000" } };
    const call = client.call("ModelInfer", rowFor("gate", { parameters }), AS_INFERRER);
    await fake.whenHeld(1);
    const [held] = fake.held;
    const leftMs = (held?.job.deadlineEpochMs ?? 0) - epochNowMs();
    held?.proceed.resolve();
    assert.equal((await call).error, null);
    assert.ok(leftMs > 0 && leftMs <= 30_000, `${leftMs} ms`);
    assert.equal(held?.job.priority, 1);
  });
});
