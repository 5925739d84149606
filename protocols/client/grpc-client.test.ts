import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { createGrpcListener } from "../../server/transport/grpc/grpc-listener.ts";
import {
  createFakeServing,
  ECHO_KEY,
  type FakeServing,
  INFER_KEY,
} from "../../server/transport/grpc/testing/fake-serving.ts";
import type { Listener } from "../../server/transport/serving-context.ts";
import { DATATYPES } from "../core/datatype.ts";
import { InferError, type StatusCode } from "../core/status.ts";
import { EDGE_VALUES, tensor } from "../testing/codec-contract.ts";
import { createGrpcClient } from "./grpc-client.ts";

const ROW = tensor("x", "FP32", Float32Array.of(1, 2), [1, 2]);
const OPTIONS = { apiKey: INFER_KEY, timeoutMs: 10_000 };
const ref = (name: string, version: string | null = null) => ({ name, version });

let fake: FakeServing;
let listener: Listener;
let target: string;
let client: ReturnType<typeof createGrpcClient>;

before(async () => {
  fake = createFakeServing();
  const options = { host: "127.0.0.1", port: 0, maxMessageBytes: 1 << 20, tls: null };
  listener = await createGrpcListener(fake.context, options);
  target = `127.0.0.1:${listener.port}`;
  client = createGrpcClient(target, OPTIONS);
});
after(async () => {
  await client.close();
  await listener.close(5000);
});

async function assertFails(call: Promise<unknown>, code: StatusCode): Promise<InferError> {
  const thrown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof InferError, String(thrown));
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}

/** A port that nothing listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

describe("infer", () => {
  for (const datatype of DATATYPES) {
    test(`round trips ${datatype}`, async () => {
      const data = EDGE_VALUES.get(datatype) ?? [];
      const input = { inputs: [tensor("x", datatype, data)], outputs: null };
      const answer = await client.infer(ref(`echo-${datatype}`), input);
      assert.equal(answer.modelName, `echo-${datatype}`);
      assert.equal(answer.modelVersion, "1");
      assert.deepEqual(answer.outputs, [tensor("y", datatype, data)]);
    });
  }

  test("asks for a version and for outputs by name", async () => {
    const input = { inputs: [ROW], outputs: ["y"] };
    const answer = await client.infer(ref("double", "champion"), input);
    assert.deepEqual(answer.outputs, [{ ...ROW, name: "y", data: Float32Array.of(2, 4) }]);
    await assertFails(
      client.infer(ref("double"), { ...input, outputs: ["z"] }),
      "invalid-argument",
    );
    await assertFails(client.infer(ref("double", "9"), input), "version-not-found");
  });

  test("many calls overlap on one connection", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        client.infer(ref("double"), {
          inputs: [{ ...ROW, data: Float32Array.of(i, 0) }],
          outputs: null,
        }),
      ),
    );
    assert.deepEqual(
      answers.map((answer) => answer.outputs[0]?.data[0]),
      Array.from({ length: 200 }, (_, i) => 2 * i),
    );
  });
});

describe("failures keep the server's code", () => {
  const input = { inputs: [ROW], outputs: null };
  for (const [model, code] of [
    ["nobody", "model-not-found"],
    ["loading", "model-not-ready"],
    ["broken", "internal"],
  ] as const) {
    test(code, async () => {
      await assertFails(client.infer(ref(model), input), code);
    });
  }

  test("queue-full, with when to try again", async () => {
    const error = await assertFails(client.infer(ref("limited"), input), "queue-full");
    // Jittered by up to half as much again.
    const retryAfterMs = error.retryAfterMs ?? 0;
    assert.ok(retryAfterMs >= 1000 && retryAfterMs <= 1500, String(retryAfterMs));
  });

  test("a non-ASCII message comes through", async () => {
    const odd = { inputs: [{ ...ROW, name: "é🦊" }], outputs: null };
    const error = await assertFails(client.infer(ref("double"), odd), "invalid-argument");
    assert.ok(error.message.includes("é🦊"), error.message);
  });

  test("unauthenticated and permission-denied", async () => {
    const nobody = createGrpcClient(target, { ...OPTIONS, apiKey: null });
    await assertFails(nobody.infer(ref("double"), input), "unauthenticated");
    await nobody.close();
    const other = createGrpcClient(target, { ...OPTIONS, apiKey: ECHO_KEY });
    await assertFails(other.infer(ref("double"), input), "permission-denied");
    await other.close();
  });

  test("payload-too-large for a message past the server's limit", async () => {
    const data = new Uint8Array((1 << 20) + 1);
    const inputs = [tensor("x", "UINT8", data)];
    const call = client.infer(ref("echo-UINT8"), { inputs, outputs: null });
    await assertFails(call, "payload-too-large");
  });

  test("deadline-exceeded when the time is up", async () => {
    const hasty = createGrpcClient(target, { ...OPTIONS, timeoutMs: 100 });
    await assertFails(hasty.infer(ref("gate"), input), "deadline-exceeded");
    await hasty.close();
    for (const { proceed } of fake.held) proceed.resolve();
  });

  test("unavailable where nothing listens", async () => {
    const lost = createGrpcClient(`127.0.0.1:${await closedPort()}`, OPTIONS);
    await assertFails(lost.isServerReady(), "unavailable");
    await lost.close();
  });

  test("unavailable for calls in flight when the client closes, and after", async () => {
    const own = createGrpcClient(target, OPTIONS);
    const before = fake.held.length;
    const pending = assertFails(own.infer(ref("gate"), input), "unavailable");
    await fake.whenHeld(before + 1);
    await own.close();
    await pending;
    for (const { proceed } of fake.held) proceed.resolve();
    await assertFails(own.isServerReady(), "unavailable");
  });

  test("internal for an answer that cannot be read", async () => {
    const server = new Server();
    const same = (bytes: Buffer) => bytes;
    server.register<Buffer, Buffer>(
      "/inference.GRPCInferenceService/ModelInfer",
      (_call: unknown, callback: sendUnaryData<Buffer>) =>
        callback(null, Buffer.from("2aff", "hex")),
      same,
      same,
      "unary",
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const own = createGrpcClient(`127.0.0.1:${port}`, OPTIONS);
    await assertFails(own.infer(ref("m"), input), "internal");
    await own.close();
    server.forceShutdown();
  });
});

describe("control calls", () => {
  test("server and model ready", async () => {
    assert.equal(await client.isServerReady(), true);
    fake.isReady = false;
    assert.equal(await client.isServerReady(), false);
    fake.isReady = true;
    assert.equal(await client.isModelReady(ref("double")), true);
    assert.equal(await client.isModelReady(ref("loading")), false);
    await assertFails(client.isModelReady(ref("nobody")), "model-not-found");
  });

  test("describe", async () => {
    assert.deepEqual(await client.describe(ref("double")), {
      name: "double",
      versions: ["1"],
      platform: "onnx_onnxv1",
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
    });
  });
});
