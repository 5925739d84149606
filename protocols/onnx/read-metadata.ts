import { isUtf8 } from "node:buffer";
import { WireType } from "@bufbuild/protobuf/wire";
import type { FieldReader, MessageReader } from "./walk-fields.ts";

/**
 * ModelProto.metadata_props, field 14: StringStringEntryProto with key 1 and value 2. Exporters and
 * users write what they like into it, so nothing in it makes a model unreadable.
 */

/** JSON array of the names of the inputs that take missing values. */
export const NULLABLE_KEY = "sluice.nullable";

/** The entries that are known here, as bytes in the file; null for a key that stands twice. */
export type Metadata = Map<string, Uint8Array | null>;

const KNOWN_KEYS: ReadonlySet<string> = new Set([NULLABLE_KEY]);
const MAX_KEY_BYTES = 64;
const MAX_VALUE_BYTES = 1024 * 1024;

/** Reads one entry. Values are viewed, not copied: some exporters keep megabytes in them. */
export function openMetadata(into: Metadata): MessageReader {
  let key = "";
  let value: Uint8Array = new Uint8Array();
  return {
    fields: {
      1: bytesField((bytes) => {
        key = Buffer.from(bytes.subarray(0, MAX_KEY_BYTES)).toString("latin1");
      }),
      2: bytesField((bytes) => {
        value = bytes;
      }),
    },
    done: () => {
      if (KNOWN_KEYS.has(key)) into.set(key, into.has(key) ? null : value);
    },
  };
}

function bytesField(take: (bytes: Uint8Array) => void): FieldReader {
  return { wire: WireType.LengthDelimited, read: (reader) => take(reader.bytes()) };
}

/** The names in a JSON array of strings; none where it is anything else. Never throws. */
export function readNames(bytes: Uint8Array | null): ReadonlySet<string> {
  if (bytes === null || bytes.byteLength > MAX_VALUE_BYTES || !isUtf8(bytes)) return new Set();
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return new Set(Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);
  } catch {
    return new Set();
  }
}
