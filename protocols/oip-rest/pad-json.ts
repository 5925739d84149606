/** Binary data that begins at a multiple of this can be viewed as any datatype without a copy. */
const ALIGNMENT = 8;

/** JSON text as UTF-8, padded with trailing spaces (legal JSON) so that what follows is aligned. */
export function padJson(json: string): Uint8Array {
  const length = Buffer.byteLength(json, "utf8");
  const padded = Buffer.allocUnsafe(Math.ceil(length / ALIGNMENT) * ALIGNMENT);
  padded.write(json, "utf8");
  padded.fill(0x20, length);
  return padded;
}
