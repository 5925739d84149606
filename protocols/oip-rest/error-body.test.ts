import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { InferError, STATUS_CODES, STATUS_TABLE } from "../core/status.ts";
import { decodeErrorBody, encodeErrorBody } from "./error-body.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("error-body", () => {
  test("every code round trips with message and details", () => {
    for (const code of STATUS_CODES) {
      const error = new InferError(code, `é ${code}`, { details: { model: "m", version: 3 } });
      const read = decodeErrorBody(STATUS_TABLE[code].http, encodeErrorBody(error, "r1"));
      assert.equal(read.code, code);
      assert.equal(read.message, error.message);
      assert.deepEqual(read.details, error.details);
    }
  });

  test("the body has the documented members and no cause", () => {
    const plain = new InferError("internal", "internal error", { cause: new Error("secret") });
    assert.deepEqual(JSON.parse(Buffer.from(encodeErrorBody(plain, "r1")).toString()), {
      error: "internal error",
      code: "internal",
      request_id: "r1",
    });
    const withDetails = new InferError("queue-full", "full", { details: { depth: 9 } });
    assert.deepEqual(JSON.parse(Buffer.from(encodeErrorBody(withDetails, "r2")).toString()), {
      error: "full",
      code: "queue-full",
      details: { depth: 9 },
      request_id: "r2",
    });
  });

  test("any text stays what it is", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(text, text, (message, requestId) => {
        const body = encodeErrorBody(new InferError("conflict", message), requestId);
        assert.deepEqual(JSON.parse(Buffer.from(body).toString()), {
          error: message,
          code: "conflict",
          request_id: requestId,
        });
      }),
    );
  });

  test("another server's body takes its code from the status", () => {
    const body = utf8('{"error":"unexpected shape"}');
    for (const [status, code] of [
      [400, "invalid-argument"],
      [401, "unauthenticated"],
      [403, "permission-denied"],
      [404, "route-not-found"],
      [413, "payload-too-large"],
      [418, "invalid-argument"],
      [429, "queue-full"],
      [500, "internal"],
      [501, "unsupported"],
      [502, "unavailable"],
      [503, "unavailable"],
      [504, "deadline-exceeded"],
      [599, "internal"],
    ] as const) {
      const error = decodeErrorBody(status, body);
      assert.equal(error.code, code);
      assert.equal(error.message, "unexpected shape");
    }
    assert.match(decodeErrorBody(502, utf8("<html>bad gateway")).message, /502: <html>bad/);
    assert.match(decodeErrorBody(500, utf8("")).message, /no body/);
  });

  test("Retry-After in seconds is kept, anything else in it ignored", () => {
    const retry = (header: string | null, body = '{"error":"e","code":"queue-full"}') =>
      decodeErrorBody(503, utf8(body), header).retryAfterMs;
    assert.equal(retry("2"), 2000);
    assert.equal(retry("2", "<html>"), 2000);
    for (const header of [null, "", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "9".repeat(40)]) {
      assert.equal(retry(header), null, String(header));
    }
  });

  test("property: any bytes yield an InferError", () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), fc.uint8Array(), (status, bytes) => {
        assert.ok(decodeErrorBody(status, bytes) instanceof InferError);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        assert.ok(decodeErrorBody(400, utf8(json)) instanceof InferError);
      }),
    );
  });

  test("hostile details neither pollute nor nest", () => {
    const error = decodeErrorBody(
      400,
      utf8('{"error":"e","details":{"__proto__":{"a":1},"deep":{},"n":1},"code":"constructor"}'),
    );
    assert.deepEqual(error.details, { n: 1 });
    assert.equal(error.code, "invalid-argument");
  });
});
