import { DEFAULT_LIMITS } from "../core/limits.ts";
import type { Tensor } from "../core/tensor.ts";
import { decodeRestResponse } from "./client-codec.ts";
import { oipRestCodec } from "./infer-codec.ts";

/** A request and the answer that it must get. */
export interface GoldenPair {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/**
 * Reads a golden file: JSON lines in pairs, an inference request and then its response, both in
 * Open Inference Protocol JSON. Blank lines are skipped.
 * @throws Error naming the line
 */
export function parseGolden(bytes: Uint8Array): readonly GoldenPair[] {
  const lines = splitLines(bytes);
  if (lines.length % 2 !== 0) {
    throw new Error(`golden file: expected pairs of lines, got ${lines.length} lines`);
  }
  const pairs: GoldenPair[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    pairs.push(parsePair(lines[i] as Uint8Array, lines[i + 1] as Uint8Array, i + 1));
  }
  return pairs;
}

function parsePair(request: Uint8Array, response: Uint8Array, line: number): GoldenPair {
  try {
    return {
      inputs: oipRestCodec.decode({ body: request, jsonBytes: null }, DEFAULT_LIMITS).inputs,
      outputs: decodeRestResponse(response, null).outputs,
    };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`golden file, pair starting at line ${line}: ${why}`, { cause: thrown });
  }
}

const NEWLINE = 0x0a;

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i <= bytes.length; i++) {
    if (i < bytes.length && bytes[i] !== NEWLINE) continue;
    const line = bytes.subarray(start, i);
    if (line.some((byte) => byte > 0x20)) lines.push(line);
    start = i + 1;
  }
  return lines;
}
