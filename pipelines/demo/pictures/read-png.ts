import { inflateSync } from "node:zlib";

/** Rows from the top, samples interleaved, 0 to 255. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3;
  readonly samples: Uint8Array;
}

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
/** PNG specification, 11.2.2: colour types. */
const CHANNELS: ReadonlyMap<number, 1 | 3> = new Map([
  [0, 1],
  [2, 3],
]);

/**
 * Reads a PNG (PNG specification, third edition) of 8 bits a sample, grey or RGB, not interlaced.
 * @throws Error for anything else
 */
export function readPng(file: Buffer): Picture {
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new Error("not a PNG file");
  const chunks = readChunks(file);
  const header = chunks.find(({ type }) => type === "IHDR")?.data;
  if (header === undefined) throw new Error("a PNG file without IHDR");
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = CHANNELS.get(header[9] ?? -1);
  if (header[8] !== 8 || channels === undefined || header[12] !== 0) {
    throw new Error("expected a PNG of 8 bits, grey or RGB, not interlaced");
  }
  const packed = chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);
  const rows = inflateSync(Buffer.concat(packed));
  return { width, height, channels, samples: unfilter(rows, width * channels, height, channels) };
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

function readChunks(file: Buffer): readonly Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE.length; at + 8 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    chunks.push({ type, data: file.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/** Section 9: each row starts with the number of its filter. */
function unfilter(rows: Buffer, rowBytes: number, height: number, step: number): Uint8Array {
  const out = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y += 1) {
    const from = y * (rowBytes + 1);
    const filter = rows[from] ?? 0;
    for (let x = 0; x < rowBytes; x += 1) {
      const at = y * rowBytes + x;
      const left = x < step ? 0 : (out[at - step] as number);
      const above = y === 0 ? 0 : (out[at - rowBytes] as number);
      const corner = x < step || y === 0 ? 0 : (out[at - rowBytes - step] as number);
      out[at] = (rows[from + 1 + x] as number) + predict(filter, left, above, corner);
    }
  }
  return out;
}

function predict(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4:
      return paeth(left, above, corner);
    default:
      throw new Error(`PNG filter ${filter} is unknown`);
  }
}

/** Section 9.4. */
function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [a, b, c] = [left, above, corner].map((each) => Math.abs(guess - each));
  if ((a as number) <= (b as number) && (a as number) <= (c as number)) return left;
  return (b as number) <= (c as number) ? above : corner;
}
