import { createHash, randomBytes } from "node:crypto";

/** RFC 6455 §1.3. */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const LAST_TEXT_FRAME = 0x81;
const MASK_BIT = 0x80;
const MASK_BYTES = 4;

/** The request that opens a WebSocket, and the Sec-WebSocket-Accept that a server must answer. */
export interface OpeningRequest {
  readonly request: Buffer;
  readonly accept: string;
}

export function openingRequest(url: URL, apiKey: string | null): OpeningRequest {
  const key = randomBytes(16).toString("base64");
  const head = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${key}`,
    ...(apiKey === null ? [] : [`authorization: Bearer ${apiKey}`]),
    "\r\n",
  ];
  const accept = createHash("sha1")
    .update(key + ACCEPT_GUID)
    .digest("base64");
  return { request: Buffer.from(head.join("\r\n"), "latin1"), accept };
}

/** A whole message in one frame as a client sends it: masked (RFC 6455 §5.2). */
export function maskedTextFrame(payload: Uint8Array): Buffer {
  const mask = randomBytes(MASK_BYTES);
  const head = frameHead(payload.byteLength);
  const frame = Buffer.concat([head, mask, payload]);
  for (let i = head.length + MASK_BYTES; i < frame.length; i += 1) {
    const key = mask[(i - head.length) % MASK_BYTES] ?? 0;
    frame[i] = (frame[i] ?? 0) ^ key;
  }
  return frame;
}

function frameHead(bytes: number): Buffer {
  if (bytes < 126) return Buffer.from([LAST_TEXT_FRAME, MASK_BIT | bytes]);
  const isLong = bytes >= 2 ** 16;
  const head = Buffer.alloc(isLong ? 10 : 4);
  head[0] = LAST_TEXT_FRAME;
  head[1] = MASK_BIT | (isLong ? 127 : 126);
  if (isLong) head.writeBigUInt64BE(BigInt(bytes), 2);
  else head.writeUInt16BE(bytes, 2);
  return head;
}
