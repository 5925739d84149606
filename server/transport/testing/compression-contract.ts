import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { ask, inferBody, RawClient, until } from "./clients.ts";
import { type Rig, serve } from "./rig.ts";

const DOUBLE = "/v2/models/double/infer";
/** JSON of 400 KB. */
const LONG = Array.from({ length: 50_000 }, (_, i) => i + 0.5);
const CODECS = [
  ["gzip", gzipSync, gunzipSync],
  ["deflate", deflateSync, inflateSync],
] as const;

/** What a listener must do about compressed bodies, both ways. */
export function compressionContract(rig: Rig): void {
  describe("compressed bodies and timings", () => {
    for (const [coding, compress] of CODECS) {
      test(`${coding}: small, large, chunked, and told apart from what it is not`, () =>
        serve(rig, { maxBodyBytes: 4 * 1024 * 1024 }, async ({ port }) => {
          const headers = { "content-encoding": coding };
          const small = await ask(port, DOUBLE, { body: compress(inferBody([4])), headers });
          assert.deepEqual([small.status, small.json.outputs[0].data], [200, [8]]);
          const large = await ask(port, DOUBLE, { body: compress(inferBody(LONG)), headers });
          assert.equal(large.json.outputs[0].data[49_999], 2 * 49_999.5);
          const chunked = await askChunked(port, coding, compress(inferBody(LONG)));
          assert.match(chunked, /200 OK/);
          for (const body of [
            inferBody([1]),
            compress(inferBody([1])).subarray(0, -1),
            deflateRawSync(inferBody([1])),
          ]) {
            const reply = await ask(port, DOUBLE, { body, headers });
            assert.equal(reply.status, 400);
            assert.match(reply.json.error, new RegExp(`'content-encoding: ${coding}'`));
          }
          const trailing = Buffer.concat([compress(inferBody([1])), Buffer.alloc(3)]);
          const reply = await ask(port, DOUBLE, { body: trailing, headers });
          assert.match(reply.json.error, /3 bytes follow/);
        }));
    }

    test("a bomb ends at maxBodyBytes and gives its bytes back", () =>
      serve(rig, { maxBodyBytes: 256 * 1024 }, async ({ port, context }) => {
        // 50 KB that are 50 MB, and 5 KB that are 5 MB.
        for (const plainBytes of [50_000_000, 5_000_000]) {
          const body = gzipSync(Buffer.alloc(plainBytes, 0x20));
          const headers = { "content-encoding": "gzip" };
          const reply = await ask(port, DOUBLE, { body, headers });
          assert.deepEqual([reply.status, reply.json.code], [413, "payload-too-large"]);
          assert.match(reply.json.error, /may have 262144 bytes .* more when decompressed/);
          await until("the bytes to come back", () => context.pipeline.bytes.usedBytes === 0);
        }
      }));

    test("plain bytes count against the budget", () =>
      serve(rig, { maxInflightBytes: 20_000 }, async ({ port, context }) => {
        const body = gzipSync(`${" ".repeat(500_000)}${inferBody([1])}`);
        const reply = await ask(port, DOUBLE, { body, headers: { "content-encoding": "gzip" } });
        assert.deepEqual([reply.status, reply.json.code], [503, "queue-full"]);
        await until("the bytes to come back", () => context.pipeline.bytes.usedBytes === 0);
      }));

    test("Inference-Header-Content-Length counts decompressed bytes, both ways", () =>
      serve(rig, { compressFromBytes: 1 }, async ({ port }) => {
        const json = `{"inputs":[{"name":"x","shape":[3],"datatype":"FP32","parameters":{"binary_data_size":12}}],"parameters":{"binary_data_output":true}}`;
        const plain = Buffer.concat([Buffer.from(json), bytesOf(Float32Array.of(1, 2, 3))]);
        const reply = await ask(port, DOUBLE, {
          body: gzipSync(plain),
          headers: {
            "content-encoding": "gzip",
            "accept-encoding": "gzip",
            "inference-header-content-length": String(json.length),
          },
        });
        assert.deepEqual([reply.status, reply.headers["content-encoding"]], [200, "gzip"]);
        const answer = gunzipSync(reply.bytes);
        const jsonBytes = Number(reply.headers["inference-header-content-length"]);
        assert.deepEqual(answer.subarray(jsonBytes), bytesOf(Float32Array.of(2, 4, 6)));
        assert.equal(JSON.parse(answer.subarray(0, jsonBytes).toString()).model_name, "double");
      }));

    for (const [coding, , expand] of CODECS) {
      test(`an answer is compressed with ${coding} where that is asked for and worth it`, () =>
        serve(rig, {}, async ({ port }) => {
          const headers = { "accept-encoding": `br;q=1, ${coding};q=0.8, identity;q=0.1` };
          const large = await ask(port, DOUBLE, { body: inferBody(LONG), headers });
          assert.equal(large.headers["content-encoding"], coding);
          assert.equal(large.headers["vary"], "accept-encoding");
          assert.ok(large.bytes.length < 200_000);
          assert.equal(JSON.parse(expand(large.bytes).toString()).outputs[0].data.length, 50_000);
          const small = await ask(port, DOUBLE, { body: inferBody([1]), headers });
          assert.equal(small.headers["content-encoding"], undefined);
        }));
    }

    test("an answer is not compressed unasked, where the client weighs it out, or at 0", () =>
      serve(rig, {}, async ({ port }) => {
        for (const accepted of [null, "identity", "gzip;q=0", "br"]) {
          const headers: Record<string, string> =
            accepted === null ? {} : { "accept-encoding": accepted };
          const reply = await ask(port, DOUBLE, { body: inferBody(LONG), headers });
          assert.equal(reply.headers["content-encoding"], undefined);
          assert.equal(reply.json.outputs[0].data.length, 50_000);
        }
      }));
    test("compressFromBytes 0 compresses nothing", () =>
      serve(rig, { compressFromBytes: 0 }, async ({ port }) => {
        const headers = { "accept-encoding": "gzip" };
        const reply = await ask(port, DOUBLE, { body: inferBody(LONG), headers });
        assert.equal(reply.headers["content-encoding"], undefined);
      }));

    test("another coding is unsupported, and the answer says what is taken", () =>
      serve(rig, {}, async ({ port, context }) => {
        for (const coding of ["br", "gzip, gzip"]) {
          const headers = { "content-encoding": coding };
          const reply = await ask(port, DOUBLE, { body: inferBody([1]), headers });
          assert.deepEqual([reply.status, reply.json.code], [501, "unsupported"]);
          assert.equal(reply.headers["accept-encoding"], "gzip, deflate");
          assert.equal(context.pipeline.bytes.usedBytes, 0);
        }
        const headers = { "content-encoding": "identity" };
        assert.equal((await ask(port, DOUBLE, { body: inferBody([1]), headers })).status, 200);
      }));

    test("Server-Timing comes with an inference that asks for it", () =>
      serve(rig, {}, async ({ port }) => {
        const body = inferBody([1]);
        const plain = await ask(port, DOUBLE, { body });
        assert.equal(plain.headers["server-timing"], undefined);
        const reply = await ask(port, DOUBLE, { body, headers: { "want-server-timing": "?1" } });
        assert.match(
          String(reply.headers["server-timing"]),
          /^queue;dur=[0-9.]+, batch;desc=[0-9]+, compute;dur=[0-9.]+, total;dur=[0-9.]+$/,
        );
      }));

    test("other bodies may be compressed too", () =>
      serve(rig, {}, async ({ port, context }) => {
        const labels = { labels: [{ inference_id: "a", label: 1 }] };
        const reply = await ask(port, "/v2/models/double/labels", {
          body: gzipSync(JSON.stringify(labels)),
          headers: { "content-encoding": "gzip" },
        });
        assert.deepEqual([reply.status, context.labels.length], [200, 1]);
      }));
  });
}

async function askChunked(port: number, coding: string, body: Buffer): Promise<string> {
  const client = new RawClient(port);
  client.write(
    `POST ${DOUBLE} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: ${coding}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const half = body.length >> 1;
  for (const part of [body.subarray(0, half), body.subarray(half)]) {
    client.socket.write(`${part.length.toString(16)}\r\n`);
    client.socket.write(part);
    client.socket.write("\r\n");
  }
  client.write("0\r\n\r\n");
  const [answer] = await client.answers(1);
  client.destroy();
  return answer ?? "";
}

function bytesOf(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
