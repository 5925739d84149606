import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { describe, test } from "node:test";
import { buildLoadGenerator } from "../native/build-load-generator.ts";
import { randomStream } from "./random.ts";
import { loadPlanOf } from "./testing/load-plan-of.ts";
import { againstRaw, runNative } from "./testing/native-load.ts";
import { type Respond, rawAnswer } from "./testing/raw-server.ts";

const { reason } = await buildLoadGenerator();
const skip = reason ?? false;

async function listen(take: (socket: Socket) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    take(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}` };
}

function refusal(status: number, body: string): string {
  return `HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

describe("failures that it tells apart", { skip }, () => {
  test("a refusal is read where the server hangs up in the middle of the request", async () => {
    const refused = refusal(413, '{"error":"too much","code":"payload-too-large"}');
    const { server, url } = await listen((socket) => {
      socket.once("data", (chunk) => {
        const isProbe = chunk.toString("latin1").startsWith("GET ");
        socket.write(isProbe ? rawAnswer("", ["Connection: close"]) : refused);
        // With what it has not read: the other end gets a reset.
        if (!isProbe) socket.destroy();
      });
    });
    const data = new Float32Array(8 << 20);
    const x = { name: "x", datatype: "FP32" as const, shape: [data.length / 4, 4], data };
    try {
      const result = await runNative(url, {
        protocol: "http-binary",
        connections: 1,
        deadlineMs: 10_000,
        inputs: [{ inputs: [x], outputs: null }],
        shape: { poolSize: 1, ratePerSec: 50, durationMs: 100 },
      });
      assert.deepEqual(result.errors, { "payload-too-large": 5 }, `${result.firstError}`);
      assert.equal(result.firstError, "payload-too-large: too much");
    } finally {
      server.close();
    }
  });

  test("codes of one status, however they are spaced, and not those inside details", async () => {
    const bodies = [
      '{ "error" : "full", "details" : { "code" : "internal" }, "code" : "queue-full" }',
      '{"error":"gone","code":\t"unavailable"}',
    ];
    const turns: Respond = (socket, n) =>
      socket.write(n === 0 ? rawAnswer() : refusal(503, bodies[n % 2] ?? ""));
    const shape = { ratePerSec: 100, durationMs: 200 };
    const result = await againstRaw(turns, { connections: 1, shape });
    assert.deepEqual(result.errors, { unavailable: 10, "queue-full": 10 });
  });

  test("whatever the body of a refusal is, it counts once", async () => {
    const random = randomStream(11);
    const pieces = ['"', "\\", "{", "}", "[", ":", " ", ",", '"code"', '{"code":', '"x'];
    const scraps: Respond = (socket, n) => {
      const body = Array.from(
        { length: Math.floor(random() * 12) },
        () => pieces[Math.floor(random() * pieces.length)],
      );
      socket.write(n === 0 ? rawAnswer() : refusal(503, body.join("")));
    };
    const shape = { ratePerSec: 500, durationMs: 400 };
    const result = await againstRaw(scraps, { connections: 4, deadlineMs: 1000, shape });
    assert.deepEqual([result.errors, result.requests], [{ unavailable: 200 }, 0]);
  });

  test("a closed loop does not spin on answers that are no HTTP: each takes a pause and a connection", async () => {
    let asked = 0;
    let connections = 0;
    const { server, url } = await listen((socket) => {
      connections += 1;
      socket.on("data", () => {
        asked += 1;
        socket.write(
          asked === 1 ? rawAnswer("", ["Connection: close"]) : "HTTP/1.1 200 OK\r\n\r\n",
        );
      });
    });
    try {
      // One request in one piece, whose end the server need not look for.
      const inputs = loadPlanOf(url, {}).inputs.slice(0, 1);
      const result = await runNative(url, {
        connections: 1,
        deadlineMs: 1000,
        inputs,
        shape: { poolSize: 1, durationMs: 200 },
      });
      const failures = result.errors["unavailable"] ?? 0;
      assert.ok(
        failures >= 1 && failures <= 41,
        `${failures} failures with pauses of 5 ms in 200 ms`,
      );
      assert.deepEqual([result.requests, asked, connections], [0, failures + 1, failures + 1]);
    } finally {
      server.close();
    }
  });
});
