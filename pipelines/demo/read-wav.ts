/** 16-bit mono PCM as floats in [-1, 1). */
export interface Recording {
  readonly sampleRate: number;
  readonly samples: Float32Array;
}

const PCM = 1;
const CHUNK_HEAD_BYTES = 8;
const RIFF_HEAD_BYTES = 12;
const FORMAT_BYTES = 16;

/** Reads a RIFF/WAVE file. @throws Error for anything but 16-bit mono PCM */
export function readWav(bytes: Uint8Array): Recording {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (tag(bytes, 0) !== "RIFF" || tag(bytes, 8) !== "WAVE") throw new Error("expected a WAV file");
  let sampleRate: number | null = null;
  for (let at = RIFF_HEAD_BYTES; at + CHUNK_HEAD_BYTES <= bytes.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + CHUNK_HEAD_BYTES;
    if (tag(bytes, at) === "fmt ") sampleRate = readFormat(view, body);
    if (tag(bytes, at) === "data") {
      if (sampleRate === null) throw new Error("the WAV file has no format before its data");
      const samples = readSamples(view, body, Math.min(size, bytes.byteLength - body));
      return { sampleRate, samples };
    }
    // Chunks are padded to even lengths.
    at = body + size + (size % 2);
  }
  throw new Error("the WAV file has no data");
}

function readFormat(view: DataView, at: number): number {
  if (at + FORMAT_BYTES > view.byteLength) throw new Error("the WAV file ends within its format");
  const [format, channels, bits] = [
    view.getUint16(at, true),
    view.getUint16(at + 2, true),
    view.getUint16(at + 14, true),
  ];
  if (format !== PCM || channels !== 1 || bits !== 16) {
    throw new Error(
      `expected 16-bit mono PCM, got format ${format}, ${channels} channels, ${bits} bits`,
    );
  }
  return view.getUint32(at + 4, true);
}

function readSamples(view: DataView, at: number, bytes: number): Float32Array {
  const samples = new Float32Array(Math.floor(bytes / 2));
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(at + 2 * i, true) / 32_768;
  return samples;
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
