import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { it } from "node:test";
import { startRedis } from "./redis.ts";
import { needs } from "./skip.ts";

it("startRedis gives a server that answers, and stop ends it", needs("redis"), async () => {
  const redis = await startRedis();
  try {
    const socket = connect(redis.port, "127.0.0.1");
    socket.write("PING\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.equal(answer.toString(), "+PONG\r\n");
    socket.destroy();
  } finally {
    await redis.stop();
  }
  const [error] = await once(connect(redis.port, "127.0.0.1"), "error");
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED");
  await redis.stop();
});
