import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { METHOD_PATHS } from "../../../protocols/oip-grpc/methods.ts";
import { createDeferred } from "../../lib/deferred.ts";
import type { Listener } from "../serving-context.ts";
import { createGrpcListener } from "./grpc-listener.ts";
import { createFakeServing, type FakeServing, INFER_KEY } from "./testing/fake-serving.ts";
import { createRawClient, type RawClient } from "./testing/raw-client.ts";

const OPTIONS = { host: "127.0.0.1", port: 0, maxMessageBytes: 1 << 20, tls: null };
const AS_INFERRER = { metadata: { authorization: `Bearer ${INFER_KEY}` } };
const GATED = {
  model_name: "gate",
  inputs: [{ name: "x", datatype: "FP32", shape: ["1", "2"], contents: { fp32_contents: [1, 2] } }],
};

let fake: FakeServing;
let listener: Listener;
let client: RawClient;

beforeEach(async () => {
  fake = createFakeServing();
  listener = await createGrpcListener(fake.context, OPTIONS);
  client = await createRawClient(listener.port);
});
afterEach(async () => {
  client.close();
  for (const { proceed } of fake.held) proceed.resolve();
  await listener.close(5000);
  assert.equal(fake.usedBytes(), 0);
  assert.equal(fake.leases(), 0);
});

function wideRow(rows: number): object {
  const values = new Array<number>(2 * rows).fill(1);
  return {
    name: "x",
    datatype: "FP32",
    shape: [String(rows), "2"],
    contents: { fp32_contents: values },
  };
}

/** The parts of the server's HTTP/2 answer to one hand-made call. */
async function bareCall(
  session: ClientHttp2Session,
  headers: Record<string, string>,
): Promise<Record<string, unknown>> {
  const stream = session.request({
    ":method": "POST",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const [answer] = await once(stream, "response");
  stream.close();
  return answer as Record<string, unknown>;
}

describe("deadlines and cancellation", () => {
  test("the call's deadline reaches the job", async () => {
    const before = Date.now();
    const pending = client.call("ModelInfer", GATED, { ...AS_INFERRER, deadlineMs: 60_000 });
    await fake.whenHeld(1);
    const deadline = fake.held[0]?.job.deadlineEpochMs ?? 0;
    assert.ok(deadline > before + 50_000 && deadline < before + 70_000, String(deadline));
    fake.held[0]?.proceed.resolve();
    assert.equal((await pending).error, null);
  });

  test("no deadline is none", async () => {
    const pending = client.call("ModelInfer", GATED, AS_INFERRER);
    await fake.whenHeld(1);
    assert.equal(fake.held[0]?.job.deadlineEpochMs, null);
    fake.held[0]?.proceed.resolve();
    await pending;
  });

  test("a call whose deadline passes ends as DEADLINE_EXCEEDED, and its late answer is dropped", async () => {
    const { error } = await client.call("ModelInfer", GATED, { ...AS_INFERRER, deadlineMs: 150 });
    assert.equal(error?.code, 4);
    await fake.whenHeld(1);
    fake.held[0]?.proceed.resolve();
    assert.equal((await client.call("ServerLive", {})).error, null);
  });

  test("a cancelled call is not answered, and gives back what it held", async () => {
    const started = createDeferred<{ cancel(): void }>();
    const pending = client.call("ModelInfer", GATED, { ...AS_INFERRER, onCall: started.resolve });
    await fake.whenHeld(1);
    assert.ok(fake.usedBytes() > 0);
    (await started.promise).cancel();
    assert.equal((await pending).error?.code, 1);
    fake.held[0]?.proceed.resolve();
    await listener.close(5000);
    assert.equal(fake.usedBytes(), 0);
    assert.equal(fake.logLines.length, 0);
  });
});

describe("what is judged before the message is read", () => {
  let session: ClientHttp2Session;
  beforeEach(async () => {
    session = connect(`http://127.0.0.1:${listener.port}`);
    await once(session, "connect");
  });
  afterEach(() => session.destroy());

  test("a call without a key is refused though its message never comes", async () => {
    const answer = await bareCall(session, { ":path": METHOD_PATHS.modelInfer });
    assert.equal(answer["grpc-status"], "16");
    assert.equal(answer["sluice-code"], "unauthenticated");
  });

  test("a method that is not offered likewise, whatever its shape", async () => {
    for (const path of [
      "/inference.GRPCInferenceService/ModelStreamInfer",
      "/grpc.health.v1.Health/Watch",
    ]) {
      const answer = await bareCall(session, { ":path": path });
      assert.equal(answer["grpc-status"], "12");
    }
  });

  test("odd headers and paths end one call, not the server", async () => {
    const odd = "\u00ff\u0080";
    const answers = await Promise.all([
      bareCall(session, { ":path": METHOD_PATHS.serverLive, "grpc-timeout": "soon" }),
      bareCall(session, {
        ":path": METHOD_PATHS.modelInfer,
        "x-request-id": odd,
        authorization: odd,
      }),
      bareCall(session, { ":path": METHOD_PATHS.modelInfer, "content-type": "text/plain" }),
      bareCall(session, { ":path": `/none/${"%"}\u00e9` }),
    ]);
    assert.deepEqual(
      answers.map((answer) => answer["grpc-status"] ?? answer[":status"]),
      ["13", "16", 415, "12"],
    );
    assert.equal((await client.call("ServerLive", {})).error, null);
  });

  test("calls that are reset at once leave nothing open", async () => {
    const streams = Array.from({ length: 200 }, () =>
      session.request({
        ":method": "POST",
        ":path": METHOD_PATHS.serverLive,
        "content-type": "application/grpc",
        te: "trailers",
      }),
    );
    const ends = streams.map((stream) => once(stream, "close"));
    for (const stream of streams) stream.close(8);
    await Promise.all(ends);
    assert.equal((await client.call("ServerLive", {})).error, null);
    session.destroy();
    await listener.close(5000);
  });

  test("a peer that speaks no HTTP/2 is dropped", async () => {
    const socket = connectTcp(listener.port, "127.0.0.1");
    socket.end("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.resume();
    await once(socket, "close");
    assert.equal((await client.call("ServerLive", {})).error, null);
  });

  test("a broken frame ends its call, not the server", async () => {
    const stream = session.request({
      ":method": "POST",
      ":path": METHOD_PATHS.serverLive,
      "content-type": "application/grpc",
      te: "trailers",
    });
    // Compressed with an encoding that was not named.
    stream.end(Buffer.from([1, 0, 0, 0, 2, 1, 2]));
    const [answer] = await once(stream, "response");
    assert.notEqual((answer as Record<string, unknown>)["grpc-status"], "0");
    assert.equal((await client.call("ServerLive", {})).error, null);
  });
});

describe("binding and draining", () => {
  test("a taken port is a clear error that names the address and the setting", async () => {
    await assert.rejects(
      createGrpcListener(fake.context, { ...OPTIONS, port: listener.port }),
      (error: Error) =>
        error.message.includes(`127.0.0.1:${listener.port}`) &&
        error.message.includes("taken") &&
        error.message.includes("grpcPort"),
    );
  });

  test("IPv6 hosts are written as the address needs them", async (t) => {
    const own = createFakeServing();
    let six: Listener;
    try {
      six = await createGrpcListener(own.context, { ...OPTIONS, host: "::1" });
    } catch (thrown) {
      if (!String(thrown).includes("EADDRNOTAVAIL") && !String(thrown).includes("EAFNOSUPPORT")) {
        throw thrown;
      }
      return t.skip("this machine has no IPv6 loopback");
    }
    assert.ok(six.port > 0);
    await six.close(5000);
  });

  test("a drain lets calls in flight end and takes no new ones", async () => {
    const pending = client.call("ModelInfer", GATED, AS_INFERRER);
    await fake.whenHeld(1);
    listener.stopAccepting();
    const closing = listener.close(5000);
    const late = await createRawClient(listener.port);
    assert.equal((await late.call("ServerLive", {})).error?.code, 14);
    late.close();
    fake.held[0]?.proceed.resolve();
    assert.equal((await pending).error, null);
    await closing;
  });

  // Node 24 says that a drain is over when it begins: the last answers must leave all the same.
  test("a drain sends every answer before it ends the connections", async () => {
    const wide = { ...GATED, inputs: [wideRow(20_000)] };
    const clients = await Promise.all(
      Array.from({ length: 4 }, () => createRawClient(listener.port)),
    );
    const pending = clients.flatMap((each) =>
      Array.from({ length: 5 }, () => each.call("ModelInfer", wide, AS_INFERRER)),
    );
    await fake.whenHeld(pending.length);
    listener.stopAccepting();
    const closing = listener.close(5000);
    for (const { proceed } of fake.held) proceed.resolve();
    const errors = (await Promise.all(pending)).map(({ error }) => error);
    assert.deepEqual(errors, new Array(pending.length).fill(null));
    await closing;
    for (const each of clients) each.close();
  });

  test("a drain that takes too long cuts calls off and says how many", async () => {
    const pending = client.call("ModelInfer", GATED, AS_INFERRER);
    await fake.whenHeld(1);
    await assert.rejects(listener.close(50), /1 gRPC calls were cut off after 50 ms/);
    const { error, trailers } = await pending;
    assert.equal(error?.code, 14);
    assert.deepEqual(trailers.get("sluice-code"), ["draining"]);
    fake.held[0]?.proceed.resolve();
  });

  test("a call whose message never ends is cut off likewise", async () => {
    const session = connect(`http://127.0.0.1:${listener.port}`);
    await once(session, "connect");
    const stream = session.request({
      ":method": "POST",
      ":path": METHOD_PATHS.serverLive,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.write(Buffer.from([0, 0, 0, 0, 9, 1]));
    // Answered after the write above was read: the connection keeps order.
    await new Promise((resolve) => session.ping(resolve));
    const answer = once(stream, "response");
    await assert.rejects(listener.close(50), /1 gRPC calls were cut off/);
    const [headers] = await answer;
    assert.equal((headers as Record<string, unknown>)["sluice-code"], "draining");
    session.destroy();
  });

  test("a peer that never closes its half does not keep the listener", async () => {
    const served: Socket[] = [];
    const onSocket = (message: unknown) => void served.push((message as { socket: Socket }).socket);
    subscribe("net.server.socket", onSocket);
    const socket = connectTcp({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings]));
    await once(socket, "data");
    socket.resume();
    unsubscribe("net.server.socket", onSocket);
    await listener.close(5000);
    assert.deepEqual(
      served.map((end) => end.destroyed),
      [true],
    );
    socket.destroy();
  });

  test("closing twice is one closing", async () => {
    await Promise.all([listener.close(5000), listener.close(5000)]);
    listener.stopAccepting();
  });
});
