import { promisify } from "node:util";
import { constants, deflate, gzip } from "node:zlib";
import { type ContentCoding, chooseContentCoding } from "./content-coding.ts";
import { byteLengthOf, joinParts } from "./join-parts.ts";

const COMPRESS = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;
/** Numbers as text shrink to a half at once; more effort buys a few percent for several times the time. */
const LEVEL = constants.Z_BEST_SPEED;

/** What goes out for an answer. */
export interface Encoded {
  readonly headers: readonly string[];
  readonly parts: readonly Uint8Array[];
}

/**
 * The coding that an answer is worth; null: as it is.
 * @param accepted the request's Accept-Encoding; null without one
 * @param fromBytes what is smaller is never compressed; 0: nothing is
 */
export function codingFor(
  accepted: string | null,
  parts: readonly Uint8Array[],
  fromBytes: number,
): ContentCoding | null {
  if (accepted === null || fromBytes === 0 || byteLengthOf(parts) < fromBytes) return null;
  return chooseContentCoding(accepted);
}

/** Compresses on libuv's threads; as it is where that would be no smaller. `parts` must not change until then. */
export async function compressAnswer(
  coding: ContentCoding,
  headers: readonly string[],
  parts: readonly Uint8Array[],
): Promise<Encoded> {
  const plainBytes = byteLengthOf(parts);
  const compressed = await COMPRESS[coding](joinParts(parts, plainBytes), { level: LEVEL });
  const varied = [...headers, "vary", "accept-encoding"];
  if (compressed.byteLength >= plainBytes) return { headers: varied, parts };
  return { headers: [...varied, "content-encoding", coding], parts: [compressed] };
}
