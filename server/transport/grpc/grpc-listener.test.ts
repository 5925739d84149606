import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { DATATYPES, type Datatype } from "../../../protocols/core/datatype.ts";
import type { InferRequest } from "../../../protocols/core/infer.ts";
import { DEFAULT_LIMITS } from "../../../protocols/core/limits.ts";
import { STATUS_TABLE, type StatusCode } from "../../../protocols/core/status.ts";
import {
  decodeInferResponse,
  encodeInferRequest,
} from "../../../protocols/oip-grpc/infer-codec.ts";
import {
  CODE_TRAILER,
  METHOD_PATHS,
  PATHS_NOT_OFFERED,
  PUSHBACK_TRAILER,
} from "../../../protocols/oip-grpc/methods.ts";
import { EDGE_VALUES, request, tensor } from "../../../protocols/testing/codec-contract.ts";
import type { Listener } from "../serving-context.ts";
import { createGrpcListener } from "./grpc-listener.ts";
import {
  ADMIN_KEY,
  createFakeServing,
  ECHO_KEY,
  type FakeServing,
  INFER_KEY,
  READ_KEY,
} from "./testing/fake-serving.ts";
import { createRawClient, type RawAnswer, type RawClient } from "./testing/raw-client.ts";

const OPTIONS = { host: "127.0.0.1", port: 0, maxMessageBytes: 1 << 20, tls: null };
const AS_ADMIN = { metadata: { authorization: `Bearer ${ADMIN_KEY}` } };
const AS_INFERRER = { metadata: { authorization: `Bearer ${INFER_KEY}` } };

let fake: FakeServing;
let listener: Listener;
let client: RawClient;

before(async () => {
  fake = createFakeServing({ maxInflightBytes: 1 << 22 });
  listener = await createGrpcListener(fake.context, OPTIONS);
  client = await createRawClient(listener.port);
});
beforeEach(() => {
  fake.isReady = true;
  fake.asked.length = 0;
  fake.steered.length = 0;
  fake.outcomes.length = 0;
  fake.logLines.length = 0;
  fake.held.length = 0;
});
after(async () => {
  client.close();
  await listener.close(5000);
  assert.equal(fake.usedBytes(), 0, "every reserved byte was released");
  assert.equal(fake.leases(), 0, "every lease was released");
});

function assertFailed(result: RawAnswer, code: StatusCode, text: string): void {
  assert.ok(result.error !== null, `expected ${code}, got an answer`);
  assert.equal(result.error.code, STATUS_TABLE[code].grpc, result.error.message);
  assert.deepEqual(result.trailers.get(CODE_TRAILER), [code]);
  assert.ok(result.error.details.includes(text), `'${result.error.details}' lacks '${text}'`);
  assert.equal(result.trailers.get("x-request-id").length, 1);
}

/** The answer of a call that did not fail. */
function answered(result: RawAnswer): Readonly<Record<string, unknown>> {
  assert.equal(result.error, null);
  assert.ok(result.answer !== null);
  return result.answer;
}

const ROW = { name: "x", datatype: "FP32", shape: ["1", "2"] };
function rowFor(model: string, rest: object = {}): object {
  return { model_name: model, inputs: [{ ...ROW, contents: { fp32_contents: [1, 2] } }], ...rest };
}

async function echo(datatype: Datatype, isTyped: boolean): Promise<InferRequest["inputs"]> {
  const inputs = [tensor("x", datatype, EDGE_VALUES.get(datatype) ?? [])];
  const ref = { name: `echo-${datatype}`, version: null };
  const wire = encodeInferRequest(ref, { ...request(inputs), isTyped });
  const result = await client.send(METHOD_PATHS.modelInfer, wire, AS_INFERRER);
  assert.equal(result.error, null);
  const bytes = result.answer as unknown as Uint8Array;
  return decodeInferResponse(bytes, DEFAULT_LIMITS).outputs;
}

describe("ModelInfer", () => {
  test("answers typed when asked typed, by the .proto", async () => {
    const asked = rowFor("double", { id: "42", outputs: [{ name: "y" }] });
    const answer = answered(await client.call("ModelInfer", asked, AS_INFERRER));
    assert.equal(answer["model_name"], "double");
    assert.equal(answer["model_version"], "1");
    assert.equal(answer["id"], "42");
    assert.deepEqual(answer["raw_output_contents"], []);
    const [output] = answer["outputs"] as [{ shape: string[]; contents: Record<string, unknown> }];
    assert.deepEqual(output.shape, ["1", "2"]);
    assert.deepEqual(output.contents["fp32_contents"], [2, 4]);
    assert.equal(fake.outcomes[0]?.errorCode, null);
  });

  test("answers raw when asked raw, by the .proto", async () => {
    const raw = Buffer.from(Float32Array.of(1, 2).buffer);
    const asked = { model_name: "double", inputs: [ROW], raw_input_contents: [raw] };
    const answer = answered(await client.call("ModelInfer", asked, AS_INFERRER));
    const doubled = Buffer.from(Float32Array.of(2, 4).buffer);
    assert.deepEqual(answer["raw_output_contents"], [doubled]);
    const [output] = answer["outputs"] as [{ contents: unknown }];
    assert.equal(output.contents, null);
  });

  for (const datatype of DATATYPES) {
    test(`carries ${datatype} raw`, async () => {
      assert.deepEqual(await echo(datatype, false), [
        tensor("y", datatype, EDGE_VALUES.get(datatype) ?? []),
      ]);
    });
    if (datatype === "FP16" || datatype === "BF16") continue;
    test(`carries ${datatype} typed`, async () => {
      assert.deepEqual(await echo(datatype, true), [
        tensor("y", datatype, EDGE_VALUES.get(datatype) ?? []),
      ]);
    });
  }

  test("serves a version by number and by alias", async () => {
    for (const version of ["1", "champion"]) {
      const asked = rowFor("double", { model_version: version });
      const { answer } = await client.call("ModelInfer", asked, AS_INFERRER);
      assert.equal(answer?.["model_version"], "1");
    }
  });

  test("an engine may take the tensors' memory: it is shared with no other request", async () => {
    const pending = client.call("ModelInfer", rowFor("gate"), AS_INFERRER);
    await fake.whenHeld(1);
    const raw = Buffer.from(Float32Array.of(1, 2).buffer);
    const asked = { model_name: "gate", inputs: [ROW], raw_input_contents: [raw] };
    const second = client.call("ModelInfer", asked, AS_INFERRER);
    await fake.whenHeld(2);
    for (const { job } of fake.held) {
      const data = job.inputs[0]?.data;
      assert.ok(data instanceof Float32Array);
      assert.notEqual(data.buffer.byteLength, Buffer.poolSize);
    }
    for (const { proceed } of fake.held) proceed.resolve();
    assert.equal((await pending).error, null);
    assert.equal((await second).error, null);
  });
});

describe("failures of ModelInfer", () => {
  for (const [what, asked, code, text] of [
    ["an unknown model", rowFor("nobody"), "model-not-found", "'nobody'"],
    ["an unknown version", rowFor("double", { model_version: "9" }), "version-not-found", "'9'"],
    ["no model name", { inputs: [] }, "invalid-argument", "model name"],
    ["a missing input", { model_name: "double" }, "invalid-argument", "'x'"],
    [
      "an unknown output",
      rowFor("double", { outputs: [{ name: "z" }] }),
      "invalid-argument",
      "'z'",
    ],
  ] as const) {
    test(`${what} is ${code}`, async () => {
      assertFailed(await client.call("ModelInfer", asked, AS_INFERRER), code, text);
    });
  }

  test("a shape that does not fit names both shapes", async () => {
    const inputs = [{ ...ROW, shape: ["2"], contents: { fp32_contents: [1, 2] } }];
    const result = await client.call("ModelInfer", { model_name: "double", inputs }, AS_INFERRER);
    assertFailed(result, "invalid-argument", "expects shape [-1,2], got [2]");
    assert.equal(result.trailers.get(PUSHBACK_TRAILER).length, 0);
  });

  test("a name cut in the middle of a surrogate pair is sent as text", async () => {
    const inputs = [
      { ...ROW, name: `${"a".repeat(127)}\u{1F98A}`, contents: { fp32_contents: [1, 2] } },
    ];
    const result = await client.call("ModelInfer", { model_name: "double", inputs }, AS_INFERRER);
    assertFailed(result, "invalid-argument", "aaa\uFFFD");
  });

  test("bytes that are no protobuf are invalid-argument, not a fault", async () => {
    const result = await client.send(
      METHOD_PATHS.modelInfer,
      Buffer.from("ffff", "hex"),
      AS_INFERRER,
    );
    assertFailed(result, "invalid-argument", "ModelInferRequest");
    assert.deepEqual(fake.logLines, []);
  });

  test("a full queue may be tried again later", async () => {
    const result = await client.call("ModelInfer", rowFor("limited"), AS_INFERRER);
    assertFailed(result, "queue-full", "maxQueue");
    const [pushback] = result.trailers.get(PUSHBACK_TRAILER);
    // Jittered by up to half as much again.
    assert.ok(Number(pushback) >= 1000 && Number(pushback) <= 1500, String(pushback));
  });

  test("a model that loads may be tried again later", async () => {
    const result = await client.call("ModelInfer", rowFor("loading"), AS_INFERRER);
    assertFailed(result, "model-not-ready", "loading");
    assert.deepEqual(result.trailers.get(PUSHBACK_TRAILER), ["1000"]);
  });

  test("a message beyond the byte budget is queue-full, one beyond the limit is refused by size", async () => {
    const small = createFakeServing({ maxInflightBytes: 64 });
    const narrow = await createGrpcListener(small.context, OPTIONS);
    const other = await createRawClient(narrow.port);
    const raw = { model_name: "double", inputs: [ROW], raw_input_contents: [Buffer.alloc(128)] };
    assertFailed(
      await other.call("ModelInfer", raw, AS_INFERRER),
      "queue-full",
      "maxInflightBytes",
    );
    const huge = { ...raw, raw_input_contents: [Buffer.alloc(OPTIONS.maxMessageBytes + 1)] };
    const { error } = await other.call("ModelInfer", huge, AS_INFERRER);
    assert.equal(error?.code, STATUS_TABLE["payload-too-large"].grpc);
    assert.ok(error?.details.includes(String(OPTIONS.maxMessageBytes)));
    assert.equal(small.usedBytes(), 0);
    other.close();
    await narrow.close(5000);
  });

  test("an unknown failure is logged with the request id and not told", async () => {
    const metadata = { ...AS_INFERRER.metadata, "x-request-id": "req-7" };
    const result = await client.call("ModelInfer", rowFor("broken"), { metadata });
    assertFailed(result, "internal", "internal error");
    assert.ok(!result.error?.details.includes("secret"));
    assert.deepEqual(result.trailers.get("x-request-id"), ["req-7"]);
    assert.equal(fake.logLines.length, 1);
    assert.ok(fake.logLines[0]?.includes("req-7") && fake.logLines[0].includes("the secret path"));
  });
});

describe("access", () => {
  const denied = [
    ["no key", {}, "unauthenticated"],
    ["an unknown key", { authorization: "Bearer nobody" }, "unauthenticated"],
    ["another scheme", { authorization: `Basic ${INFER_KEY}` }, "unauthenticated"],
    ["a key that may only read", { "x-api-key": READ_KEY }, "permission-denied"],
    ["a key for other models", { authorization: `Bearer ${ECHO_KEY}` }, "permission-denied"],
  ] as const;
  for (const [what, metadata, code] of denied) {
    test(`${what} may not infer: ${code}`, async () => {
      assertFailed(await client.call("ModelInfer", rowFor("double"), { metadata }), code, "");
      assert.equal(fake.outcomes.length, 0);
    });
  }

  test("x-api-key is a credential too, and Bearer is written in any case", async () => {
    for (const metadata of [{ "x-api-key": INFER_KEY }, { authorization: `bEaReR ${INFER_KEY}` }]) {
      const { error } = await client.call("ModelInfer", rowFor("double"), { metadata });
      assert.equal(error, null);
    }
  });

  test("a denied call tells nothing of whether the model exists", async () => {
    const metadata = { "x-api-key": ECHO_KEY };
    const [known, unknown] = await Promise.all(
      ["double", "nobody"].map((name) => client.call("ModelInfer", rowFor(name), { metadata })),
    );
    assert.equal(known?.error?.code, unknown?.error?.code);
  });

  for (const [method, asked, action, model] of [
    ["ModelReady", { name: "double" }, "read", "double"],
    ["ModelMetadata", { name: "double" }, "read", "double"],
    ["ServerMetadata", {}, "read", null],
    ["RepositoryIndex", {}, "read", null],
    ["ModelInfer", rowFor("double"), "infer", "double"],
    ["RepositoryModelLoad", { model_name: "double" }, "admin", "double"],
    ["RepositoryModelUnload", { model_name: "double" }, "admin", "double"],
  ] as const) {
    test(`${method} asks for a key and for '${action}'`, async () => {
      assertFailed(await client.call(method, asked), "unauthenticated", "key");
      assert.deepEqual(fake.asked, []);
      const as = action === "admin" ? AS_ADMIN : AS_INFERRER;
      assert.equal((await client.call(method, asked, as)).error, null);
      assert.deepEqual(fake.asked, [{ action, model }]);
    });
  }

  test("load and unload are refused to who may only infer", async () => {
    for (const method of ["RepositoryModelLoad", "RepositoryModelUnload"]) {
      const result = await client.call(method, { model_name: "double" }, AS_INFERRER);
      assertFailed(result, "permission-denied", "may not admin");
    }
    assert.deepEqual(fake.steered, []);
  });

  for (const method of ["ServerLive", "ServerReady", "Check"]) {
    test(`${method} is open`, async () => {
      assert.equal((await client.call(method, {})).error, null);
      assert.deepEqual(fake.asked, []);
    });
  }
});

describe("the calls around inference", () => {
  test("live and ready", async () => {
    assert.deepEqual((await client.call("ServerLive", {})).answer, { live: true });
    assert.deepEqual((await client.call("ServerReady", {})).answer, { ready: true });
    assert.deepEqual((await client.call("Check", {})).answer, { status: 1 });
    fake.isReady = false;
    assert.deepEqual((await client.call("ServerLive", {})).answer, { live: true });
    assert.deepEqual((await client.call("ServerReady", {})).answer, { ready: false });
    const service = "inference.GRPCInferenceService";
    assert.deepEqual((await client.call("Check", { service })).answer, { status: 2 });
  });

  test("health of an unknown service is NOT_FOUND", async () => {
    const { error } = await client.call("Check", { service: "other" });
    assert.equal(error?.code, 5);
  });

  test("model ready", async () => {
    const ready = async (asked: object) =>
      (await client.call("ModelReady", asked, AS_INFERRER)).answer?.["ready"];
    assert.equal(await ready({ name: "double" }), true);
    assert.equal(await ready({ name: "double", version: "1" }), true);
    assert.equal(await ready({ name: "double", version: "2" }), false);
    assert.equal(await ready({ name: "loading" }), false);
    const unknown = await client.call("ModelReady", { name: "nobody" }, AS_INFERRER);
    assertFailed(unknown, "model-not-found", "'nobody'");
  });

  test("metadata of server and model", async () => {
    const server = await client.call("ServerMetadata", {}, AS_INFERRER);
    assert.equal(server.answer?.["name"], "sluice");
    const { answer } = await client.call("ModelMetadata", { name: "double" }, AS_INFERRER);
    assert.deepEqual(answer, {
      name: "double",
      versions: ["1"],
      platform: "onnx_onnxv1",
      inputs: [{ name: "x", datatype: "FP32", shape: ["-1", "2"] }],
      outputs: [{ name: "y", datatype: "FP32", shape: ["-1", "2"] }],
      properties: {},
    });
  });

  test("the index lists what the key may see", async () => {
    const names = async (asked: object, key: string) => {
      const metadata = { "x-api-key": key };
      const answer = answered(await client.call("RepositoryIndex", asked, { metadata }));
      return (answer["models"] as { name: string }[]).map((model) => model.name);
    };
    assert.ok((await names({}, INFER_KEY)).includes("loading"));
    assert.ok(!(await names({ ready: true }, INFER_KEY)).includes("loading"));
    assert.deepEqual(
      await names({}, ECHO_KEY),
      DATATYPES.map((datatype) => `echo-${datatype}`),
    );
    const other = await client.call("RepositoryIndex", { repository_name: "b" }, AS_INFERRER);
    assertFailed(other, "unsupported", "repository");
  });

  test("load and unload reach the control thread, and take no configuration", async () => {
    const steer = (method: string, asked: object) => client.call(method, asked, AS_ADMIN);
    const parameters = { unload_dependents: { bool_param: true } };
    const unload = await steer("RepositoryModelUnload", { model_name: "double", parameters });
    assert.deepEqual(unload.answer, {});
    assert.equal((await steer("RepositoryModelLoad", { model_name: "double" })).error, null);
    assert.deepEqual(fake.steered, ["unload double by admin", "load double by admin"]);
    const config = { config: { string_param: "{}" } };
    const withConfig = { model_name: "double", parameters: config };
    assertFailed(await steer("RepositoryModelLoad", withConfig), "unsupported", '"config"');
    const elsewhere = { model_name: "double", repository_name: "b" };
    assertFailed(await steer("RepositoryModelLoad", elsewhere), "unsupported", "repository_name");
    assertFailed(await steer("RepositoryModelLoad", {}), "invalid-argument", "name");
    assert.equal(fake.steered.length, 2);
  });

  for (const path of PATHS_NOT_OFFERED) {
    test(`${path} is not offered`, async () => {
      const result = await client.send(path, new Uint8Array(0));
      assertFailed(result, "unsupported", `the method ${path} is not offered`);
      assert.equal(result.error?.code, 12);
    });
  }

  test("an unknown method is UNIMPLEMENTED", async () => {
    const { error } = await client.send(
      "/inference.GRPCInferenceService/Nothing",
      new Uint8Array(0),
    );
    assert.equal(error?.code, 12);
  });

  test("a request id is echoed when it is safe, else replaced", async () => {
    const echoed = await client.call("ServerLive", {}, { metadata: { "x-request-id": "a-1" } });
    assert.deepEqual(echoed.trailers.get("x-request-id"), ["a-1"]);
    const silent = await client.call("ServerLive", {});
    assert.deepEqual(silent.trailers.get("x-request-id"), []);
  });
});
