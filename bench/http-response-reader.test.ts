import assert from "node:assert/strict";
import { test } from "node:test";
import { type HttpResponse, HttpResponseReader } from "./http-response-reader.ts";

const PLAIN = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED =
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";

function readAll(text: string, cutAt: number, keepsBody = true): HttpResponse | null {
  const reader = new HttpResponseReader();
  reader.expect(keepsBody);
  const bytes = Buffer.from(text, "latin1");
  const first = reader.push(bytes.subarray(0, cutAt));
  return cutAt === bytes.length ? first : reader.push(bytes.subarray(cutAt));
}

test("a response cut anywhere reads the same, with a length or in chunks", () => {
  for (const text of [PLAIN, CHUNKED]) {
    for (let cut = 1; cut <= text.length; cut += 1) {
      const response = readAll(text, cut);
      assert.equal(response?.body.toString(), "hello", `cut at ${cut}`);
      assert.equal(response?.status, 200);
      assert.equal(response?.keepsAlive, true);
    }
  }
});

test("an unwanted body is counted and dropped, unless the status is not 200", () => {
  assert.equal(readAll(PLAIN, 70, false)?.body.length, 0);
  assert.equal(readAll(PLAIN.replace("200 OK", "503 No"), 70, false)?.body.toString(), "hello");
});

test("the binary extension's header and connection: close are seen", () => {
  const response = readAll(
    "HTTP/1.1 200 OK\r\nconnection: close\r\ninference-header-content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    5,
  );
  assert.equal(response?.jsonBytes, 2);
  assert.equal(response?.keepsAlive, false);
});

test("one reader reads response after response", () => {
  const reader = new HttpResponseReader();
  for (let i = 0; i < 3; i += 1) {
    reader.expect(true);
    assert.equal(reader.push(Buffer.from(PLAIN))?.body.toString(), "hello");
  }
});

test("a chunk's memory may be used again at once", () => {
  const reader = new HttpResponseReader();
  const buffer = Buffer.alloc(200);
  const push = (text: string) => reader.push(buffer.subarray(0, buffer.write(text, "latin1")));
  for (const text of [PLAIN, CHUNKED]) {
    reader.expect(true);
    assert.equal(push(text.slice(0, 20)), null);
    assert.equal(push(text.slice(20, -4)), null);
    assert.equal(push(text.slice(-4))?.body.toString(), "hello");
  }
});

test("what is not one HTTP response is refused, saying what came", () => {
  const cases: [string, RegExp][] = [
    ["SSH-2.0-x\r\n\r\n", /got "SSH-2\.0-x/],
    ["HTTP/1.1 200 OK\r\n\r\n", /neither content-length nor chunked/],
    [`${PLAIN}!`, /1 bytes past the end/],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", /chunk without a size/],
    ["x".repeat(70_000), /more than 64 KiB/],
  ];
  for (const [text, expected] of cases) assert.throws(() => readAll(text, text.length), expected);
});
