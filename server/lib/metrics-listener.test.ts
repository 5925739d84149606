import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server, Socket } from "node:net";
import { test } from "node:test";
import { Registry } from "prom-client";
import { startMetricsListener } from "./metrics-listener.ts";

test("the metrics port survives connections that could not be taken", async () => {
  const servers: Server[] = [];
  const onSocket = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket & { readonly server: Server } };
    servers.push(socket.server);
  };
  subscribe("net.server.socket", onSocket);
  const listener = await startMetricsListener(new Registry(), "127.0.0.1", 0);
  const scrape = async () => {
    const { status } = await fetch(`http://127.0.0.1:${listener.port}/metrics`, {
      headers: { connection: "close" },
    });
    return status;
  };
  try {
    assert.equal(await scrape(), 200);
    const error = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" });
    // More than one: each needs a listener.
    for (let i = 0; i < 2; i += 1) assert.equal(servers[0]?.emit("error", error), true);
    assert.equal(await scrape(), 200);
  } finally {
    unsubscribe("net.server.socket", onSocket);
    await listener.close();
  }
});
