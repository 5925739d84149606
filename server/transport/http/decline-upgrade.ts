import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { readableConnectionEvent } from "./node-server.ts";

export function isWebSocketUpgrade(req: IncomingMessage): boolean {
  return (req.headers.upgrade ?? "").toLowerCase() === "websocket";
}

/**
 * Serves a request that offers another protocol (Java's HTTP client asks for h2c on every first
 * request) as if it had not: a server may ignore Upgrade (RFC 9110 §7.8), but node:http, once anyone
 * takes upgrades, detaches its parser from all of them. So the head is written back, without the
 * offer, in front of what has arrived, and the server gets the connection anew.
 */
export function declineUpgrade(
  server: Server,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  let text = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`;
  const raw = req.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    if (name === "upgrade" || name === "connection" || name === "http2-settings") continue;
    text += `${raw[i]}: ${raw[i + 1]}\r\n`;
  }
  // Node reads a head as latin1.
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, "latin1"), head]));
  server.emit(readableConnectionEvent(server), socket);
}
