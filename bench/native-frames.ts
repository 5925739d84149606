/**
 * The frames on the pipes of the native generator (native/load/channel.h): a length (u32, without
 * itself), a kind (a letter) and fields; integers and doubles little-endian, byte strings after their
 * length (u32).
 */

const LENGTH_BYTES = 4;
const END_OF_LENGTHS = 2 ** (8 * LENGTH_BYTES);

/** Fields of one frame, in order. */
export class FrameWriter {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(kind: string) {
    this.#add(Buffer.from(kind, "latin1"));
  }

  u8(value: number): this {
    return this.#add(Uint8Array.of(value));
  }

  u32(value: number): this {
    const field = Buffer.allocUnsafe(4);
    field.writeUInt32LE(value);
    return this.#add(field);
  }

  f64(value: number): this {
    const field = Buffer.allocUnsafe(8);
    field.writeDoubleLE(value);
    return this.#add(field);
  }

  text(value: string | Uint8Array): this {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return this.u32(bytes.byteLength).#add(bytes);
  }

  /** The whole frame, to be written in this order. @throws RangeError for one of 4 GiB or more */
  parts(): readonly Uint8Array[] {
    if (this.#bytes >= END_OF_LENGTHS) {
      throw new RangeError(`expected a frame of less than 4 GiB, got ${this.#bytes} bytes`);
    }
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32LE(this.#bytes);
    return [length, ...this.#parts];
  }

  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#bytes += bytes.byteLength;
    return this;
  }
}

/** Reads the fields of one frame, in order. @throws RangeError for more than there is */
export class FrameReader {
  readonly kind: string;
  readonly #bytes: Buffer;
  #at = 1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.kind = bytes.toString("latin1", 0, 1);
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** A view. */
  bytes(): Buffer {
    const size = this.u32();
    const at = this.#take(size);
    return this.#bytes.subarray(at, this.#at);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }

  /** A copy. */
  floats(count: number): Float32Array {
    const at = this.#take(4 * count);
    const floats = new Float32Array(count);
    for (let i = 0; i < count; i += 1) floats[i] = this.#bytes.readFloatLE(at + 4 * i);
    return floats;
  }

  #take(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) throw new RangeError(`a frame '${this.kind}' is cut short`);
    return at;
  }
}

/** Cuts what a pipe gives into frames. */
export class FrameCutter {
  #parts: Buffer[] = [];
  #bytes = 0;
  #wanted = LENGTH_BYTES;

  /** @returns the frames that are whole now */
  push(chunk: Buffer): FrameReader[] {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    // Large frames come in many pieces, which are joined once.
    if (this.#bytes < this.#wanted) return [];
    let rest = Buffer.concat(this.#parts);
    const frames: FrameReader[] = [];
    for (;;) {
      this.#wanted = LENGTH_BYTES + (rest.length < LENGTH_BYTES ? 0 : rest.readUInt32LE(0));
      if (rest.length < this.#wanted || rest.length < LENGTH_BYTES) break;
      frames.push(new FrameReader(rest.subarray(LENGTH_BYTES, this.#wanted)));
      rest = rest.subarray(this.#wanted);
    }
    this.#parts = [rest];
    this.#bytes = rest.length;
    return frames;
  }
}
