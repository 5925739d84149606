import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { decodeRestResponse, encodeRestRequest } from "../../../protocols/oip-rest/client-codec.ts";
import { createDeferred } from "../../lib/deferred.ts";
import { createFakeContext, TEST_OPTIONS } from "../testing/fake-context.ts";
import type { BodyRead } from "./body-read.ts";
import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";
import { HttpHandler } from "./http-handler.ts";
import { RequestHeaders } from "./request-headers.ts";

interface Answered {
  readonly status: number;
  readonly jsonBytes: number | null;
  readonly body: Buffer;
}

/** What becomes of an answer. */
type Fault = "none" | "throws" | "rejects";

/** An exchange without a socket: the test feeds the body, and sees the answer. */
class FakeExchange implements HttpExchange {
  tellGone(): void {
    // It stays to the end.
  }

  readonly method = "POST";
  readonly path: string;
  readonly headers = new RequestHeaders();
  readonly isReadingStopped = false;
  readonly answered = createDeferred<Answered>();
  read: BodyRead | null = null;
  /** null until it is answered. */
  status: number | null = null;
  after: AfterAnswer | null = null;
  responses = 0;
  aborts = 0;
  readonly #fault: Fault;

  constructor(path: string, headers: Readonly<Record<string, string>>, fault: Fault = "none") {
    this.path = path;
    this.#fault = fault;
    for (const [name, value] of Object.entries(headers)) this.headers.add(name, value);
  }

  readBody(read: BodyRead): void {
    this.read = read;
  }

  respond(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): Promise<void> | null {
    this.responses += 1;
    this.status = status;
    this.after = after;
    if (this.#fault === "throws") throw new Error("the socket is gone");
    if (this.#fault === "rejects") return Promise.reject(new Error("the socket is gone"));
    const at = headers.indexOf("inference-header-content-length");
    const jsonBytes = at < 0 ? null : Number(headers[at + 1]);
    this.answered.resolve({ status, jsonBytes, body: Buffer.concat(parts) });
    return null;
  }

  abort(): void {
    this.aborts += 1;
  }
}

const X: Tensor = { name: "x", datatype: "FP32", shape: [3], data: Float32Array.of(1, -2, 3.5) };

function setUp(binary: boolean) {
  const context = createFakeContext();
  const handler = new HttpHandler(context, TEST_OPTIONS);
  const request = { id: null, inputs: [X], outputs: null };
  const { body, jsonBytes } = encodeRestRequest(request, { binary });
  const exchange = new FakeExchange("/v2/models/slow/infer", {
    host: "127.0.0.1:8000",
    "content-length": String(body.byteLength),
    ...(jsonBytes === null ? {} : { "inference-header-content-length": String(jsonBytes) }),
  });
  handler.handle(exchange);
  return { context, handler, exchange, body };
}

describe("HttpInference", () => {
  for (const binary of [false, true]) {
    for (const inBuffer of [false, true]) {
      const what = `${binary ? "binary" : "JSON"} body in a ${inBuffer ? "Buffer" : "Uint8Array"}`;
      test(`a ${what} may be overwritten once it was taken`, async () => {
        const { context, handler, exchange, body } = setUp(binary);
        const chunk = inBuffer ? Buffer.from(body) : Uint8Array.from(body);
        exchange.read?.take(chunk, true);
        chunk.fill(0);
        assert.equal(context.models.gate.waiting, 1);
        context.models.gate.openAll();
        const answer = await exchange.answered.promise;
        assert.equal(answer.status, 200);
        const { outputs } = decodeRestResponse(answer.body, answer.jsonBytes);
        assert.deepEqual(outputs[0]?.data, X.data);
        await handler.inFlight.whenIdle();
        assert.equal(context.pipeline.bytes.usedBytes, 0);
        assert.equal(context.models.leases(), 0);
      });
    }
  }

  test("what a model has no time for is answered before its body is read, and at once", () => {
    const context = createFakeContext();
    const handler = new HttpHandler(context, TEST_OPTIONS);
    const exchange = new FakeExchange("/v2/models/busy/infer", {
      host: "127.0.0.1:8000",
      "content-length": "100",
      "x-request-timeout-ms": "50",
    });
    handler.handle(exchange);
    assert.equal(exchange.read, null);
    assert.equal(exchange.status, 503);
    assert.equal(handler.inFlight.count, 0);
    assert.equal(context.pipeline.bytes.usedBytes, 0);
  });

  test("a body that is too long is so for a busy model too", () => {
    const handler = new HttpHandler(createFakeContext(), TEST_OPTIONS);
    const exchange = new FakeExchange("/v2/models/busy/infer", {
      host: "127.0.0.1:8000",
      "content-length": String(TEST_OPTIONS.maxBodyBytes + 1),
      "x-request-timeout-ms": "50",
    });
    handler.handle(exchange);
    assert.deepEqual([exchange.status, exchange.after], [413, "drain-then-close"]);
    assert.equal(handler.inFlight.count, 0);
  });

  for (const fault of ["throws", "rejects"] as const) {
    for (const [what, path, status] of [
      ["an inference", "/v2/models/double/infer", 200],
      ["an inference that fails", "/v2/models/failing/infer", 500],
      ["a refusal at the head", "/v2/models/busy/infer", 503],
      ["an unknown path", "/v3", 404],
      ["a control route", "/v2/repository/index", 200],
    ] as const) {
      test(`an answer whose sending ${fault} is the last of its request: ${what}`, async () => {
        const context = createFakeContext();
        const handler = new HttpHandler(context, TEST_OPTIONS);
        const { body } = encodeRestRequest(
          { id: null, inputs: [X], outputs: null },
          { binary: false },
        );
        const headers = {
          host: "127.0.0.1:8000",
          "content-length": String(body.byteLength),
          "x-request-timeout-ms": "1000",
        };
        const exchange = new FakeExchange(path, headers, fault);
        handler.handle(exchange);
        exchange.read?.take(body, true);
        await handler.inFlight.whenIdle();
        assert.deepEqual([exchange.status, exchange.responses], [status, 1]);
        assert.equal(exchange.aborts, 1, "nothing can follow half an answer");
        assert.equal(handler.inFlight.count, 0);
        assert.equal(context.pipeline.bytes.usedBytes, 0);
        assert.equal(context.models.leases(), 0);
        const lines = context.logged.filter((line) => line.includes("could not be sent"));
        assert.equal(lines.length, 1);
        assert.match(lines[0] ?? "", /"requestId":".*the socket is gone/);
      });
    }
  }

  test("a body that breaks off leaves nothing behind", async () => {
    const { context, handler, exchange, body } = setUp(false);
    exchange.read?.take(Uint8Array.from(body.subarray(0, 5)), false);
    assert.equal(context.pipeline.bytes.usedBytes, body.byteLength);
    assert.equal(handler.inFlight.count, 1);
    exchange.read?.abort();
    assert.equal((await exchange.answered.promise).status, 499);
    await handler.inFlight.whenIdle();
    assert.equal(context.pipeline.bytes.usedBytes, 0);
    assert.equal(context.models.runs(), 0);
  });
});
