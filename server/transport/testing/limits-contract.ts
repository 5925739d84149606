import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, inferBody, RawClient, until } from "./clients.ts";
import { type Rig, serve } from "./rig.ts";

const HEAD = "POST /v2/models/double/infer HTTP/1.1\r\nHost: localhost\r\n";

/** Sizes, time and clients that go away: everything is bounded, everything is given back. */
export function limitsContract(rig: Rig): void {
  describe("limits", () => {
    test("a declared body over the limit is 413 naming the setting, unread", () =>
      serve(rig, { maxBodyBytes: 1000 }, async ({ port, context }) => {
        const client = new RawClient(port);
        client.write(`${HEAD}Content-Length: 1001\r\n\r\n`);
        const [answer] = await client.answers(1);
        assert.match(answer ?? "", /^HTTP\/1\.1 413 .*connection: close.*maxBodyBytes/is);
        assert.equal(context.pipeline.bytes.usedBytes, 0);
        client.destroy();
        const whole = await ask(port, "/v2/models/double/infer", { body: "x".repeat(5000) });
        assert.equal(whole.json.code, "payload-too-large");
      }));

    test("a chunked body works, and over the limit is 413", () =>
      serve(rig, { maxBodyBytes: 40_000 }, async ({ port }) => {
        const body = inferBody([1, 2, 3]);
        const half = Math.floor(body.length / 2);
        const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
        const client = new RawClient(port);
        client.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk(body.slice(0, half))}`);
        client.write(`${chunk(body.slice(half))}0\r\n\r\n`);
        const [answer] = await client.answers(1);
        assert.match(answer ?? "", /200 OK.*\[2,4,6\]/s);
        client.destroy();
        const large = new RawClient(port);
        large.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
        for (let i = 0; i < 5; i += 1) large.write(chunk(" ".repeat(10_000)));
        const [refused] = await large.answers(1);
        assert.match(refused ?? "", /^HTTP\/1\.1 413 .*maxBodyBytes/s);
        large.destroy();
      }));

    test("a huge body and a huge answer arrive whole", () =>
      serve(rig, { maxBodyBytes: 64 * 1024 * 1024 }, async ({ port }) => {
        const values = new Float32Array(6 * 1024 * 1024).map((_, i) => i % 1000);
        const head = Buffer.from(
          JSON.stringify({
            parameters: { binary_data_output: true },
            inputs: [
              {
                name: "x",
                shape: [values.length],
                datatype: "FP32",
                parameters: { binary_data_size: values.byteLength },
              },
            ],
          }),
        );
        const reply = await ask(port, "/v2/models/double/infer", {
          body: Buffer.concat([head, Buffer.from(values.buffer)]),
          headers: { "inference-header-content-length": String(head.byteLength) },
        });
        assert.equal(reply.status, 200);
        const jsonBytes = Number(reply.headers["inference-header-content-length"]);
        const tail = reply.bytes.slice(jsonBytes);
        const answered = new Float32Array(tail.buffer, tail.byteOffset, tail.byteLength / 4);
        assert.equal(answered.length, values.length);
        assert.ok(answered.every((value, i) => value === 2 * (i % 1000)));
      }));

    test("a full byte budget is queue-full before the body is read", () =>
      serve(rig, { maxInflightBytes: 500 }, async ({ port, context }) => {
        const first = new RawClient(port);
        first.write(`${HEAD}Content-Length: 400\r\n\r\n{`);
        await until("400 bytes held", () => context.pipeline.bytes.usedBytes === 400);
        const second = new RawClient(port);
        second.write(`${HEAD}Content-Length: 400\r\n\r\n`);
        const [answer] = await second.answers(1);
        assert.match(answer ?? "", /^HTTP\/1\.1 503 .*retry-after: 1.*queue-full/is);
        first.destroy();
        await until("the bytes to come back", () => context.pipeline.bytes.usedBytes === 0);
        const body = inferBody([1]);
        second.write(`${" ".repeat(400)}${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
        const [, served] = await second.answers(2);
        assert.match(served ?? "", /200 OK/);
        second.destroy();
      }));

    test("a model that has no time refuses before the body is read, and the connection lives on", () =>
      serve(rig, {}, async ({ port, context }) => {
        const busy = "POST /v2/models/busy/infer HTTP/1.1\r\nHost: localhost\r\n";
        const hurried = `${busy}X-Request-Timeout-Ms: 100\r\n`;
        const client = new RawClient(port);
        client.write(`${hurried}Content-Length: 400\r\n\r\n`);
        const [answer] = await client.answers(1);
        const words = /^HTTP\/1\.1 503 .*retry-after: 2.*"error":"model 'busy'.*"queue-full"/is;
        assert.match(answer ?? "", words);
        assert.equal(context.pipeline.bytes.usedBytes, 0);
        client.write(`${" ".repeat(400)}${hurried}Content-Length: 3\r\n\r\n{}!`);
        const [, again] = await client.answers(2);
        assert.match(again ?? "", words);
        const body = inferBody([1]);
        client.write(`${busy}Content-Length: ${body.length}\r\n\r\n${body}`);
        const [, , patient] = await client.answers(3);
        assert.match(patient ?? "", /200 OK/);
        client.destroy();
      }));

    test("a client that goes away in mid-body gives its bytes back", () =>
      serve(rig, {}, async ({ port, context }) => {
        const client = new RawClient(port);
        client.write(`${HEAD}Content-Length: 5000\r\n\r\n${" ".repeat(100)}`);
        await until("5000 bytes held", () => context.pipeline.bytes.usedBytes === 5000);
        client.destroy();
        await until("the bytes to come back", () => context.pipeline.bytes.usedBytes === 0);
        assert.equal((await ask(port, "/v2/health/live")).status, 200);
      }));

    test("a client that goes away in mid-run gives bytes and lease back when the run ends", () =>
      serve(rig, {}, async ({ port, context }) => {
        const body = inferBody([1]);
        const client = new RawClient(port);
        client.write(
          `POST /v2/models/slow/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        await until("the run", () => context.models.gate.waiting === 1);
        assert.equal(context.models.leases(), 1);
        client.destroy();
        const probe = await ask(port, "/v2/health/live");
        assert.equal(probe.status, 200);
        context.models.gate.openAll();
        await until("all to come back", () => context.pipeline.bytes.usedBytes === 0);
        assert.equal(context.models.leases(), 0);
      }));

    test("a body that does not come within bodyTimeoutMs is refused", () =>
      serve(rig, { bodyTimeoutMs: 150 }, async ({ port, context }) => {
        const client = new RawClient(port);
        client.write(`${HEAD}Content-Length: 50\r\n\r\n{`);
        const [answer] = await client.answers(1);
        assert.match(answer ?? "", /^HTTP\/1\.1 504 .*connection: close.*bodyTimeoutMs/is);
        assert.equal(context.pipeline.bytes.usedBytes, 0);
        client.destroy();
      }));

    test("a client that does not read its answer is cut off and its bytes come back", () =>
      serve(rig, { bodyTimeoutMs: 200 }, async ({ port, context }) => {
        const body = JSON.stringify({
          parameters: { binary_data_output: true },
          inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [8 * 1024 * 1024] }],
        });
        const client = new RawClient(port);
        client.socket.pause();
        client.write(
          `POST /v2/models/huge/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        const answerBytes = 32 * 1024 * 1024;
        const { bytes } = context.pipeline;
        await until("the unsent answer to be held", () => bytes.usedBytes > answerBytes);
        await until("the cut", () => bytes.usedBytes === 0);
        client.socket.resume();
        await until("the end", () => client.isClosed);
        assert.ok(client.receivedBytes < answerBytes);
      }));

    test("an answer that does not fit the budget is queue-full, not memory", () =>
      serve(rig, { maxInflightBytes: 100_000 }, async ({ port }) => {
        const body = JSON.stringify({
          parameters: { binary_data_output: true },
          inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [100_000] }],
        });
        const reply = await ask(port, "/v2/models/huge/infer", { body });
        assert.equal(reply.json.code, "queue-full");
      }));

    test("a refused body of ordinary size leaves the connection usable", () =>
      serve(rig, {}, async ({ port }) => {
        const client = new RawClient(port);
        const body = inferBody([3]);
        const junk = " ".repeat(3000);
        client.write(
          `POST /v3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${junk.length}\r\n\r\n${junk}`,
        );
        await client.answers(1);
        client.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
        const [refused, served] = await client.answers(2);
        assert.match(refused ?? "", /^HTTP\/1\.1 404 /);
        assert.match(served ?? "", /^HTTP\/1\.1 200 .*\[6\]/s);
        client.destroy();
      }));

    test("Expect: 100-continue is answered only for a body that is wanted", () =>
      serve(rig, { maxBodyBytes: 1000 }, async ({ port }) => {
        const body = inferBody([3]);
        const client = new RawClient(port);
        client.write(`${HEAD}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
        await until("the go-ahead", () => client.text.startsWith("HTTP/1.1 100 Continue"));
        client.write(body);
        await until("the answer", () => client.text.includes("[6]"));
        client.destroy();
      }));

    test("garbage is answered 4xx or 5xx, or cut off, and harms nobody", () =>
      serve(rig, {}, async ({ port }) => {
        const garbage = [
          "\x00\x01\x02\r\n\r\n",
          "GET /v2\r\n\r\n",
          "GET http://a/v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
          `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
        ];
        for (const text of garbage) {
          const client = new RawClient(port);
          client.write(text);
          const [answer] = await client.answers(1);
          assert.match(answer ?? "HTTP/1.1 400", /^HTTP\/1\.1 [45]\d\d/, text.slice(0, 40));
          client.destroy();
        }
        assert.equal((await ask(port, "/v2/health/live")).status, 200);
      }));
  });
}
