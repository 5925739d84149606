import { type BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { ModelFormatError } from "./model-format-error.ts";

/** How one known field of a message is read; a field without a reader is skipped, not copied. */
export interface FieldReader {
  readonly wire: WireType;
  read(reader: BinaryReader): void;
}

/** Readers by field number. */
export type Fields = Readonly<Record<number, FieldReader>>;

/** One message about to be read. */
export interface MessageReader {
  readonly fields: Fields;
  /** Called when its last field was read; fields may come in any order. */
  readonly done: (() => void) | null;
}

/** Deeper nesting than any exporter makes; a bound on our stack, not on protobuf. */
const MAX_DEPTH = 64;

export function textField(take: (text: string) => void): FieldReader {
  return { wire: WireType.LengthDelimited, read: (reader) => take(reader.string(true)) };
}

export function intField(take: (value: bigint) => void): FieldReader {
  return { wire: WireType.Varint, read: (reader) => take(BigInt(reader.int64())) };
}

/**
 * A nested message. `open` is called once per occurrence with the depth of that message.
 * @throws ModelFormatError past 64 levels.
 */
export function messageField(depth: number, open: (depth: number) => MessageReader): FieldReader {
  return {
    wire: WireType.LengthDelimited,
    read: (reader) => {
      if (depth >= MAX_DEPTH) throw new ModelFormatError(`messages nest deeper than ${MAX_DEPTH}`);
      const length = reader.uint32();
      walkMessage(reader, reader.pos + length, open(depth + 1));
    },
  };
}

/**
 * Like `messageField`, for a field that may stand once. Protobuf would merge a second one; two
 * readers could then see two different models, so it is refused.
 */
export function singleMessageField(
  what: string,
  depth: number,
  open: (depth: number) => MessageReader,
): FieldReader {
  let isSeen = false;
  return messageField(depth, (next) => {
    if (isSeen) throw new ModelFormatError(`${what} stands twice`);
    isSeen = true;
    return open(next);
  });
}

/** Reads the message that ends before `end`. */
export function walkMessage(reader: BinaryReader, end: number, message: MessageReader): void {
  if (end > reader.len) throw new ModelFormatError(`cut off at byte ${reader.len}`);
  while (reader.pos < end) {
    const at = reader.pos;
    const [number, wire] = reader.tag();
    const field = message.fields[number];
    if (field === undefined) reader.skip(wire, number);
    else if (field.wire === wire) field.read(reader);
    else throw new ModelFormatError(`field ${number} at byte ${at} has wire type ${wire}`);
    if (reader.pos > end) throw new ModelFormatError(`field ${number} at byte ${at} is too long`);
  }
  message.done?.();
}
