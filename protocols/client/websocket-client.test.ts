import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { NO_PARAMETERS } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import { encodeErrorBody } from "../oip-rest/error-body.ts";
import {
  decodeFrame,
  encodeAnswerFrame,
  encodeErrorFrame,
  type StreamFrame,
} from "../stream/frame-codec.ts";
import { createWebSocketClient } from "./websocket-client.ts";

const OPTIONS = { apiKey: null, timeoutMs: 5000 };
const MODEL = { name: "m", version: "champion" };

function inputOf(...values: number[]) {
  const shape = [values.length];
  const data = new Float32Array(values);
  return { inputs: [{ name: "x", datatype: "FP32", shape, data } as const], outputs: null };
}

const servers: WebSocketServer[] = [];
after(() => {
  for (const server of servers) {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
});

type OnFrame = (frame: StreamFrame, socket: WebSocket) => void;

async function serve(onFrame: OnFrame): Promise<{ url: string; keys: (string | undefined)[] }> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, path: "/v2/stream" });
  const keys: (string | undefined)[] = [];
  servers.push(server);
  server.on("connection", (socket, request) => {
    keys.push(request.headers.authorization);
    socket.on("message", (data) => onFrame(decodeFrame(data as Buffer, DEFAULT_LIMITS), socket));
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { url: `ws://127.0.0.1:${address.port}/v2/stream`, keys };
}

/** y = x. */
function answer(frame: StreamFrame, socket: WebSocket): void {
  const response = {
    modelName: frame.ref.name ?? "",
    modelVersion: "3",
    id: frame.id,
    parameters: NO_PARAMETERS,
    outputs: frame.request.inputs.map((tensor) => ({ ...tensor, name: "y" })),
  };
  socket.send(encodeAnswerFrame(response, frame.request), { binary: false });
}

function failsWith(code: string, pattern: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof InferError, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, pattern);
    return true;
  };
}

test("many in flight are paired by id, whatever the order of the answers", async () => {
  const held: StreamFrame[] = [];
  const { url, keys } = await serve((frame, socket) => {
    held.push(frame);
    if (held.length === 3) for (const next of held.toReversed()) answer(next, socket);
  });
  const client = await createWebSocketClient(url, { ...OPTIONS, apiKey: "k1" });
  const answers = await Promise.all([1, 2, 3].map((n) => client.infer(MODEL, inputOf(n, -n))));
  assert.deepEqual(
    answers.map((response) => [...(response.outputs[0]?.data ?? [])]),
    [
      [1, -1],
      [2, -2],
      [3, -3],
    ],
  );
  assert.deepEqual(held[0]?.ref, { name: "m", version: "champion" });
  assert.deepEqual(keys, ["Bearer k1"]);
  await client.close();
});

test("an error frame fails its own request only and keeps its code", async () => {
  const { url } = await serve((frame, socket) => {
    const isBad = frame.request.inputs[0]?.data[0] === 13;
    if (!isBad) return answer(frame, socket);
    socket.send(encodeErrorFrame(frame.id, new InferError("queue-full", "the queue is full")));
  });
  const client = await createWebSocketClient(url, OPTIONS);
  const bad = assert.rejects(
    client.infer(MODEL, inputOf(13)),
    failsWith("queue-full", /queue is full/),
  );
  await client.infer(MODEL, inputOf(1));
  await bad;
  await client.close();
});

test("an error without an id fails all in flight", async () => {
  const { url } = await serve((_frame, socket) => {
    socket.send(encodeErrorFrame(null, new InferError("payload-too-large", "frame too large")));
  });
  const client = await createWebSocketClient(url, OPTIONS);
  const refused = failsWith("payload-too-large", /too large/);
  await assert.rejects(client.infer(MODEL, inputOf(1)), refused);
  await client.close();
});

test("a broken connection fails all in flight and all that follow as unavailable", async () => {
  let seen = 0;
  const { url } = await serve((_frame, socket) => {
    seen += 1;
    if (seen === 2) socket.terminate();
  });
  const client = await createWebSocketClient(url, OPTIONS);
  const broken = failsWith("unavailable", /ws:/);
  await Promise.all([
    assert.rejects(client.infer(MODEL, inputOf(1)), broken),
    assert.rejects(client.infer(MODEL, inputOf(2)), broken),
  ]);
  await assert.rejects(client.infer(MODEL, inputOf(3)), broken);
  await client.close();
});

test("a close by the server is told with its code and reason", async () => {
  const { url } = await serve((_frame, socket) => socket.close(1012, "draining"));
  const client = await createWebSocketClient(url, OPTIONS);
  const closed = failsWith("unavailable", /code 1012: draining/);
  await assert.rejects(client.infer(MODEL, inputOf(1)), closed);
  await client.close();
});

test("a request without an answer expires; a late answer is dropped and the next is right", async () => {
  const held: StreamFrame[] = [];
  const { url } = await serve((frame, socket) => {
    held.push(frame);
    if (held.length === 2) for (const next of held) answer(next, socket);
  });
  const client = await createWebSocketClient(url, { ...OPTIONS, timeoutMs: 50 });
  const expired = failsWith("deadline-exceeded", /within 50 ms/);
  await assert.rejects(client.infer(MODEL, inputOf(1)), expired);
  const second = await client.infer(MODEL, inputOf(2));
  assert.deepEqual([...(second.outputs[0]?.data ?? [])], [2]);
  await client.close();
});

test("a frame that nobody can read breaks the connection", async () => {
  const { url } = await serve((_frame, socket) => socket.send("{nonsense"));
  const client = await createWebSocketClient(url, OPTIONS);
  const malformed = failsWith("internal", /malformed/);
  await assert.rejects(client.infer(MODEL, inputOf(1)), malformed);
  await assert.rejects(client.infer(MODEL, inputOf(1)), malformed);
  await client.close();
});

test("what JSON cannot carry is refused before it is sent", async () => {
  const { url } = await serve(answer);
  const client = await createWebSocketClient(url, OPTIONS);
  await assert.rejects(client.infer(MODEL, inputOf(Number.NaN)), (thrown) => {
    assert.ok(thrown instanceof InferError);
    return true;
  });
  await client.infer(MODEL, inputOf(1));
  await client.close();
});

test("close ends what is in flight as unavailable, and a second close is harmless", async () => {
  let sawFrame: () => void = () => undefined;
  const frameSeen = new Promise<void>((resolve) => {
    sawFrame = resolve;
  });
  const { url } = await serve(() => sawFrame());
  const client = await createWebSocketClient(url, OPTIONS);
  const pending = assert.rejects(
    client.infer(MODEL, inputOf(1)),
    failsWith("unavailable", /closed/),
  );
  await frameSeen;
  await client.close();
  await pending;
  await client.close();
  await assert.rejects(client.infer(MODEL, inputOf(1)), failsWith("unavailable", /closed/));
});

test("a refused upgrade gives the server's own error", async () => {
  const server = createServer();
  server.on("upgrade", (_request, socket) => {
    const body = encodeErrorBody(new InferError("unauthenticated", "no key"), "r1");
    socket.end(
      `HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.byteLength}\r\nconnection: close\r\n\r\n${Buffer.from(body)}`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const url = `ws://127.0.0.1:${address.port}/v2/stream`;
  await assert.rejects(createWebSocketClient(url, OPTIONS), failsWith("unauthenticated", /no key/));
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(createWebSocketClient(url, OPTIONS), failsWith("unavailable", /REFUSED/));
});

test("a server that never answers the upgrade is deadline-exceeded; a wrong URL is refused", async () => {
  const server = createServer();
  server.on("upgrade", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const url = `ws://127.0.0.1:${address.port}/v2/stream`;
  await assert.rejects(
    createWebSocketClient(url, { ...OPTIONS, timeoutMs: 50 }),
    failsWith("deadline-exceeded", /within 50 ms/),
  );
  server.closeAllConnections();
  server.close();
  await assert.rejects(
    createWebSocketClient("http://x", OPTIONS),
    failsWith("invalid-argument", /ws:\/\//),
  );
});
