import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, inferBody, RawClient, StreamClient, until } from "./clients.ts";
import { TEST_OPTIONS } from "./fake-context.ts";
import { type Rig, serve } from "./rig.ts";

/** 80 answers of 100,000 numbers in JSON, on a machine that is busy with other tests. */
const PATIENCE_MS = 60_000;

/** Leaving without losing anything. */
export function shutdownContract(rig: Rig): void {
  describe("shutdown", () => {
    test("draining refuses new inference, and only that", () =>
      serve(rig, {}, async ({ port, context }) => {
        context.isDrainingNow = true;
        const reply = await ask(port, "/v2/models/double/infer", { body: inferBody([1]) });
        assert.equal(reply.status, 503);
        assert.equal(reply.json.code, "draining");
        assert.equal(reply.headers["connection"], "close");
        assert.equal(reply.headers["retry-after"], "1");
        assert.equal((await ask(port, "/v2/models/double")).status, 200);
        assert.equal((await ask(port, "/v2/health/live")).status, 200);
      }));

    test("stopAccepting closes the door; who is inside is served, with Connection: close", () =>
      serve(rig, {}, async ({ port, listener }) => {
        const inside = new RawClient(port);
        inside.write("GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await inside.answers(1);
        listener.stopAccepting();
        listener.stopAccepting();
        await assert.rejects(ask(port, "/v2"), /ECONNREFUSED/);
        inside.write("GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const [, answer] = await inside.answers(2);
        assert.match(answer ?? "", /200 OK.*connection: close/is);
        await inside.waitClosed();
      }));

    test("close waits for requests in flight, HTTP and WebSocket, then says 1012", () =>
      serve(rig, {}, async ({ port, listener, context }) => {
        const { gate } = context.models;
        const client = await new StreamClient(port, "/v2/models/slow/stream").settled();
        client.infer("s", [5]);
        const reply = ask(port, "/v2/models/slow/infer", { body: inferBody([6]) });
        await until("both runs", () => gate.waiting === 2);
        context.isDrainingNow = true;
        const closed = listener.close(5000);
        client.infer("late", [7]);
        await client.waitFrames(1);
        assert.equal(client.frames[0].code, "draining");
        gate.openAll();
        assert.deepEqual((await reply).json.outputs[0].data, [6]);
        const goodbye = await client.waitClosed();
        assert.deepEqual(client.frames[1].outputs[0].data, [5]);
        assert.equal(goodbye.code, 1012);
        await closed;
      }));

    test("close lets a slow client read all that waits for it before it says goodbye", () =>
      serve(
        rig,
        { maxStreamEgressBytes: 64 * 1024 * 1024, maxStreamInflight: 100 },
        async (served) => {
          const { port, listener, context } = served;
          const client = await new StreamClient(port, "/v2/models/huge/stream").settled();
          client.ws.pause();
          for (let i = 0; i < 80; i += 1) client.infer(`h${i}`, [100_000]);
          await until("the runs", () => context.models.runs() === 80, PATIENCE_MS);
          const closed = listener.close(10_000);
          client.infer("late", [1]);
          client.ws.resume();
          assert.equal((await client.waitClosed()).code, 1012);
          const answers = client.frames.filter((frame) => frame.outputs !== undefined);
          assert.equal(answers.length, 80);
          await closed;
        },
      ));

    test("close rejects at its deadline, says what hung, and closes anyway", () =>
      serve(rig, {}, async ({ port, listener, context }) => {
        const client = new RawClient(port);
        const body = inferBody([1]);
        client.write(
          `POST /v2/models/slow/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        await until("the run", () => context.models.gate.waiting === 1);
        await assert.rejects(listener.close(50), /1 requests in flight after 50 ms/);
        await client.waitClosed();
        context.models.gate.openAll();
        await until("the lease to come back", () => context.models.leases() === 0);
      }));

    test("a taken or unusable address is an error that names it", () =>
      serve(rig, {}, async ({ context }) => {
        await assert.rejects(
          rig.create(context, { ...TEST_OPTIONS, host: "192.0.2.1" }),
          /cannot listen on 192\.0\.2\.1:0/,
        );
      }));
  });
}
