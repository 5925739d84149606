import { createHash } from "node:crypto";
import type { Position } from "./landing-order.ts";

/** A cursor that cannot be gone on from; its message is for the client. */
export class FeedCursorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FeedCursorError";
  }
}

const VERSION = 2;
const NAME_AT = 1;
const NAME_BYTES = 5;
const SEQ_AT = NAME_AT + NAME_BYTES;
const ROW_AT = SEQ_AT + 6;
const CURSOR_BYTES = ROW_AT + 6;
const CURSOR_TEXT = /^[A-Za-z0-9_-]{24}$/;

/**
 * Opaque to clients: base64url of a version byte, five bytes that tell outlet and dataset, and the
 * position, big-endian. The bytes of a later position are higher.
 */
export function encodeCursor(outlet: string, dataset: string, position: Position): string {
  const bytes = Buffer.alloc(CURSOR_BYTES);
  bytes.writeUInt8(VERSION, 0);
  nameBytes(outlet, dataset).copy(bytes, NAME_AT);
  bytes.writeUIntBE(position.seq, SEQ_AT, 6);
  bytes.writeUIntBE(position.row, ROW_AT, 6);
  return bytes.toString("base64url");
}

/** @throws FeedCursorError for what encodeCursor did not make for this outlet and dataset */
export function decodeCursor(outlet: string, dataset: string, cursor: string): Position {
  if (!CURSOR_TEXT.test(cursor)) {
    throw new FeedCursorError(
      "the cursor must be one that this feed gave out (24 characters); leave it away to start from the first row",
    );
  }
  const bytes = Buffer.from(cursor, "base64url");
  const version = bytes.readUInt8(0);
  if (version !== VERSION) {
    throw new FeedCursorError(`the cursor has version ${version}; this feed gives out ${VERSION}`);
  }
  if (!bytes.subarray(NAME_AT, SEQ_AT).equals(nameBytes(outlet, dataset))) {
    throw new FeedCursorError(`the cursor is of another feed or dataset than '${outlet}'`);
  }
  return { seq: bytes.readUIntBE(SEQ_AT, 6), row: bytes.readUIntBE(ROW_AT, 6) };
}

function nameBytes(outlet: string, dataset: string): Buffer {
  const digest = createHash("sha256")
    .update(JSON.stringify([outlet, dataset]))
    .digest();
  return digest.subarray(0, NAME_BYTES);
}
