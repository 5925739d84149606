import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, inferBody, RawClient, StreamClient, until } from "./clients.ts";
import { type Rig, serve } from "./rig.ts";

/** More than any kernel takes for a client that does not read, 14 kB an answer. */
const UNREAD_ANSWERS = 2000;
/** No answer for so long: the server has stopped. */
const SILENCE_MS = 3000;

/** How many connections there may be, and what one may cost. */
export function connectionsContract(rig: Rig): void {
  describe("connections", () => {
    test("beyond maxConnections a new one is closed at once, and a free place is taken again", () =>
      serve(rig, { maxConnections: 3 }, async ({ port, context }) => {
        const { connections } = context;
        const stream = await new StreamClient(port, "/v2/stream").settled();
        const held = [new RawClient(port), new RawClient(port)];
        await until("three connections", () => connections.open === 3);
        for (let i = 0; i < 5; i += 1) await new RawClient(port).waitClosed();
        assert.equal(connections.refused, 5);
        assert.equal(connections.open, 3);
        const body = inferBody([1]);
        const length = `Content-Length: ${body.length}\r\n`;
        held[0]?.write(
          `POST /v2/models/double/infer HTTP/1.1\r\nHost: localhost\r\n${length}\r\n${body}`,
        );
        assert.match((await held[0]?.answers(1))?.[0] ?? "", /200 OK/);
        stream.ws.terminate();
        await until("a free place", () => connections.open === 2);
        assert.equal((await ask(port, "/v2/health/live")).status, 200);
        for (const client of held) client.destroy();
        await until("all to be counted off", () => connections.open === 0);
      }));

    test("a client that asks on and on and reads nothing gets only so many answers", () =>
      serve(rig, { bodyTimeoutMs: 300 }, async ({ port, context }) => {
        const body = JSON.stringify({
          parameters: { binary_data_output: true },
          inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [3500] }],
        });
        const request = `POST /v2/models/huge/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        const client = new RawClient(port);
        client.socket.pause();
        const { models } = context;
        let isAnswering = true;
        while (isAnswering && models.runs() < UNREAD_ANSWERS) {
          const before = models.runs();
          client.write(request);
          const endMs = performance.now() + SILENCE_MS;
          const isOver = () => client.isClosed || performance.now() > endMs;
          await until("an answer or none", () => models.runs() > before || isOver());
          isAnswering = models.runs() > before;
        }
        client.destroy();
        assert.ok(models.runs() < UNREAD_ANSWERS, `${models.runs()} answers for nobody`);
      }));
  });
}
