import { readFile } from "node:fs/promises";
import type { InferInput } from "../protocols/client/inference-client.ts";
import { DEFAULT_LIMITS } from "../protocols/core/limits.ts";
import { oipRestCodec } from "../protocols/oip-rest/infer-codec.ts";

const LIMITS = { ...DEFAULT_LIMITS, maxBodyBytes: Number.MAX_SAFE_INTEGER };

/**
 * Inputs from a JSON file: one Open Inference Protocol request body, or an array of them.
 * @throws Error that names the file
 */
export async function readInputs(file: string): Promise<InferInput[]> {
  const bytes = await readFile(file);
  try {
    const bodies = splitBodies(bytes);
    if (bodies.length === 0) throw new Error("expected at least one request, got an empty array");
    return bodies.map((body) => {
      const request = oipRestCodec.decode({ body, jsonBytes: null }, LIMITS);
      return {
        inputs: request.inputs,
        outputs: request.outputs?.map((output) => output.name) ?? null,
      };
    });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`${file}: ${why}`, { cause: thrown });
  }
}

/** A single body stays as it is, which keeps 64-bit integers exact. */
function splitBodies(bytes: Buffer): Uint8Array[] {
  const value: unknown = JSON.parse(bytes.toString("utf8"));
  return Array.isArray(value) ? value.map((body) => Buffer.from(JSON.stringify(body))) : [bytes];
}
