import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import { oipRestCodec } from "../../protocols/oip-rest/infer-codec.ts";

/** How the numbers of the text are written. */
export type NumberTexts =
  /** As JSON.stringify writes an FP32 array that was made a plain one: mostly 17 digits. */
  | "widened-fp32"
  /** Three decimals. */
  | "short-decimals";

export interface JsonDecodeOptions {
  readonly numbers: NumberTexts;
  /** Another text around the data each time, so that no request is like one before. */
  readonly isAlwaysNew: boolean;
  readonly pairs: number;
}

/** Wall-clock nanoseconds of one message. */
export interface SideNs {
  readonly min: number;
  readonly median: number;
}

export interface JsonDecodeResult {
  readonly textBytes: number;
  /** The server's request decoder. */
  readonly decodeNs: SideNs;
  /** JSON.parse of the same bytes and Float32Array.from of its data. */
  readonly parseNs: SideNs;
  /** parse / decode, pair by pair. */
  readonly ratios: readonly number[];
}

const SHAPE = [1, 3, 224, 224];
const COUNT = 3 * 224 * 224;

/**
 * Decodes one FP32 tensor of 1x3x224x224 from JSON in two ways, in turns, on the calling thread. The
 * decoder uses the number accelerator that is installed (protocols/oip-rest/number-accelerator.ts).
 * Blocks its thread for about 50 ms a pair.
 * @throws Error where the two sides disagree on a value
 */
export function measureJsonDecode(options: JsonDecodeOptions): JsonDecodeResult {
  const { pairs, isAlwaysNew } = options;
  const text = JSON.stringify(makeValues(options.numbers));
  let count = 0;
  const next = () => makeBody(text, isAlwaysNew ? count++ : 0);
  assertEqual(decode(next()), parse(next()));
  const decodeNs: number[] = [];
  const parseNs: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const body = next();
    const isDecodeFirst = pair % 2 === 0;
    if (isDecodeFirst) decodeNs.push(timeNs(() => decode(body)));
    parseNs.push(timeNs(() => parse(body)));
    if (!isDecodeFirst) decodeNs.push(timeNs(() => decode(body)));
  }
  return {
    textBytes: next().byteLength,
    decodeNs: summarise(decodeNs),
    parseNs: summarise(parseNs),
    ratios: parseNs.map((ns, i) => ns / (decodeNs[i] as number)),
  };
}

function makeValues(numbers: NumberTexts): number[] {
  if (numbers === "widened-fp32") {
    return Array.from(Float32Array.from({ length: COUNT }, Math.random));
  }
  return Array.from({ length: COUNT }, () => Math.round(Math.random() * 1000) / 1000);
}

function makeBody(data: string, serial: number): Buffer {
  return Buffer.from(
    `{"serial":${serial},"inputs":[{"name":"x","datatype":"FP32","shape":[${SHAPE.join(",")}],"data":${data}}]}`,
  );
}

function decode(body: Buffer): Float32Array {
  const { inputs } = oipRestCodec.decode({ body, jsonBytes: null }, DEFAULT_LIMITS);
  return inputs[0]?.data as Float32Array;
}

interface ParsedRequest {
  readonly inputs: readonly [{ readonly data: readonly number[] }];
}

function parse(body: Buffer): Float32Array {
  const request = JSON.parse(body.toString("utf8")) as ParsedRequest;
  return Float32Array.from(request.inputs[0].data);
}

function timeNs(act: () => unknown): number {
  const start = process.hrtime.bigint();
  act();
  return Number(process.hrtime.bigint() - start);
}

function summarise(values: readonly number[]): SideNs {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted.length % 2 === 1 ? upper : (sorted[middle - 1] ?? Number.NaN);
  return { min: sorted[0] ?? Number.NaN, median: (lower + upper) / 2 };
}

function assertEqual(one: Float32Array, other: Float32Array): void {
  const at = one.findIndex((value, i) => !Object.is(value, other[i]));
  if (one.length === other.length && at === -1) return;
  throw new Error(`the two decoders disagree at element ${at}`);
}
