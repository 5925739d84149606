import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { maskedTextFrame, openingRequest } from "./web-socket-bytes.ts";

test("a server takes the opening request and the frames of every length", async () => {
  const http = createServer();
  const server = new WebSocketServer({ server: http, path: "/v2/stream" });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const { request, accept } = openingRequest(new URL(`ws://127.0.0.1:${port}/v2/stream`), "k");
  const socket = connect(port, "127.0.0.1");
  try {
    const opened = once(server, "connection");
    socket.write(request);
    const [peer, received] = await opened;
    assert.equal(received.headers.authorization, "Bearer k");
    const [head] = (await once(socket, "data")) as [Buffer];
    assert.match(head.toString("latin1"), /^HTTP\/1\.1 101 /);
    assert.ok(head.includes(`Sec-WebSocket-Accept: ${accept}\r\n`));
    for (const length of [0, 5, 125, 126, 65_535, 65_536, 100_000]) {
      const text = "é".repeat(length >> 1) + "x".repeat(length & 1);
      const message = once(peer, "message");
      socket.write(maskedTextFrame(Buffer.from(text)));
      const [data, isBinary] = await message;
      assert.deepEqual([data.toString("utf8") === text, isBinary], [true, false], `${length}`);
    }
  } finally {
    socket.destroy();
    server.close();
    http.close();
  }
});
