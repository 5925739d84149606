/** Answers up to this size go out in one write; larger ones wait for the client to take them. */
export const ONE_WRITE_BYTES = 16 * 1024;

const EMPTY = new Uint8Array(0);

export function byteLengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}

/** One array over all parts; the part itself where there is one. */
export function joinParts(parts: readonly Uint8Array[], totalBytes: number): Uint8Array {
  if (parts.length <= 1) return parts[0] ?? EMPTY;
  const joined = new Uint8Array(totalBytes);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}
