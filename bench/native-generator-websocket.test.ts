import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { buildLoadGenerator } from "../native/build-load-generator.ts";
import type { LoadResult } from "./load-result.ts";
import { loadPlanOf } from "./testing/load-plan-of.ts";
import { againstRaw, assertFaultless, runNative } from "./testing/native-load.ts";
import { RAW_BODY, type Respond, rawAnswer } from "./testing/raw-server.ts";

const { reason } = await buildLoadGenerator();
const skip = reason ?? false;

/** Where the first of a client's masked frames of less than 64 KiB ends; null while it is not whole. */
function frameEnd(bytes: Buffer): number | null {
  if (bytes.length < 4) return null;
  const short = (bytes[1] ?? 0) & 127;
  const end = short < 126 ? 6 + short : 8 + bytes.readUInt16BE(2);
  return bytes.length < end ? null : end;
}

describe("what a server may do on a WebSocket", { skip }, () => {
  /** Answers the opening request, which is the only HTTP of the connection. */
  async function againstFrames(
    send: (socket: Socket) => void,
    takePong: () => void = () => undefined,
  ): Promise<LoadResult> {
    const http = createServer();
    http.on("upgrade", (request, socket) => {
      const key = request.headers["sec-websocket-key"] ?? "";
      const accept = createHash("sha1")
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      );
      socket.on("error", () => socket.destroy());
      let pending = Buffer.alloc(0);
      socket.on("data", (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk]);
        for (let end = frameEnd(pending); end !== null; end = frameEnd(pending)) {
          const opcode = (pending[0] ?? 0) & 15;
          pending = pending.subarray(end);
          if (opcode === 1) send(socket as Socket);
          if (opcode === 10) takePong();
        }
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const address = http.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    try {
      const inputs = loadPlanOf("http://h", {}).inputs.slice(0, 1);
      const shape = { poolSize: 1, ratePerSec: 100, durationMs: 200 };
      const changes = {
        protocol: "websocket",
        connections: 1,
        timeoutMs: 500,
        inputs,
        shape,
      } as const;
      return await runNative(`http://127.0.0.1:${port}`, changes);
    } finally {
      http.closeAllConnections();
      http.close();
    }
  }
  const TEXT = `{"id":"0",${RAW_BODY.slice(1)}`;
  const frame = (first: number, text: string): Buffer => {
    const payload = Buffer.from(text);
    const head =
      payload.length < 126
        ? [first, payload.length]
        : [first, 126, payload.length >> 8, payload.length & 255];
    return Buffer.concat([Buffer.from(head), payload]);
  };

  test("fragments with a ping between them, in any pieces, are one message", async () => {
    let pieces = 1;
    const result = await againstFrames((socket) => {
      pieces += 1;
      const bytes = Buffer.concat([
        frame(0x01, TEXT.slice(0, 10)),
        frame(0x89, "still there?"),
        frame(0x00, TEXT.slice(10, 20)),
        frame(0x80, TEXT.slice(20)),
        frame(0x8a, ""),
      ]);
      for (let at = 0; at < bytes.length; at += pieces)
        socket.write(bytes.subarray(at, at + pieces));
    });
    assertFaultless(result);
    assert.equal(result.requests, 20);
  });

  test("a ping behind an answer is answered before the next request", async () => {
    let pings = 0;
    let pongs = 0;
    const result = await againstFrames(
      (socket) => {
        assert.equal(pongs, pings);
        pings += 1;
        socket.write(Buffer.concat([frame(0x81, TEXT), frame(0x89, "still there?")]));
      },
      () => {
        pongs += 1;
      },
    );
    assertFaultless(result);
    assert.deepEqual([result.requests, pings, pongs], [20, 21, 21]);
  });

  test("a close behind an answer costs no request", async () => {
    const result = await againstFrames((socket) => {
      socket.write(Buffer.concat([frame(0x81, TEXT), frame(0x88, "\u0003\u00e8")]));
    });
    assertFaultless(result);
    assert.equal(result.requests, 20);
  });

  test("a second answer is a failure, and none to the next request", async () => {
    let n = 0;
    const result = await againstFrames((socket) => {
      n += 1;
      const twice = Buffer.concat([frame(0x81, TEXT), frame(0x81, TEXT)]);
      socket.write(n === 5 ? twice : frame(0x81, TEXT));
    });
    assert.deepEqual([result.errors, result.requests], [{ unavailable: 1 }, 19]);
    assert.match(result.firstError ?? "", /a message that nothing asked for/);
  });

  test("an answer that speaks of an error is none; an error may be written with spaces", async () => {
    const speaking = `{"id":"0","parameters":{"error":"none \\"error\\":"},${RAW_BODY.slice(1)}`;
    assertFaultless(await againstFrames((socket) => socket.write(frame(0x81, speaking))));
    let n = 0;
    const spaced = '{ "id" : "0", "error" : "no room", "code" : "queue-full" }';
    const result = await againstFrames((socket) => {
      n += 1;
      socket.write(frame(0x81, n < 5 ? TEXT : spaced));
    });
    assert.deepEqual(
      [result.errors, result.firstError],
      [{ "queue-full": 17 }, "queue-full: no room"],
    );
  });

  const garbage: readonly (readonly [name: string, bytes: Buffer, said: RegExp])[] = [
    ["a close", frame(0x88, "\u0003\u00e9"), /closed by the server, code/],
    ["a masked frame", Buffer.from([0x81, 0x80, 0, 0, 0, 0]), /a masked frame/],
    ["reserved bits", frame(0xc1, TEXT), /reserved bits/],
    ["a fragment of nothing", frame(0x80, TEXT), /out of order/],
    ["an unknown kind", frame(0x83, ""), /unknown kind/],
    ["a long ping", frame(0x89, "x".repeat(126)), /control frame/],
    [
      "exabytes",
      Buffer.from([0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]),
      /more than 1 GiB/,
    ],
  ];
  for (const [name, bytes, said] of garbage) {
    test(`garbage is refused: ${name}`, async () => {
      let n = 0;
      const result = await againstFrames((socket) => {
        n += 1;
        socket.write(n < 5 ? frame(0x81, TEXT) : bytes);
      });
      assert.deepEqual(
        [result.errors, result.requests],
        [{ unavailable: 17 }, 3],
        `${result.firstError}`,
      );
      assert.match(result.firstError ?? "", said);
    });
  }

  test("a server without WebSockets is named before the clock starts", async () => {
    const plain: Respond = (socket) => socket.write(rawAnswer());
    await assert.rejects(
      againstRaw(plain, { protocol: "websocket" }),
      /expected a WebSocket, .* 200/,
    );
  });
});
