import { InferError } from "../../../protocols/core/status.ts";

/** The codings of bodies that the server reads and writes (RFC 9110 §8.4.1): gzip, and zlib by its name there. */
export const CONTENT_CODINGS = ["gzip", "deflate"] as const;
export type ContentCoding = (typeof CONTENT_CODINGS)[number];

const ACCEPTED = CONTENT_CODINGS.join(", ");

/**
 * The coding of a request's body; null for none.
 * @param header Content-Encoding
 * @throws InferError `unsupported`, whose detail `acceptEncoding` the answer carries as a header
 */
export function readContentCoding(header: string): ContentCoding | null {
  const name = header.trim().toLowerCase();
  if (name === "" || name === "identity") return null;
  const coding = codingOf(name);
  if (coding !== null) return coding;
  throw new InferError(
    "unsupported",
    `header 'content-encoding' must be one of gzip, deflate, identity, got ${JSON.stringify(header.slice(0, 40))}`,
    { details: { acceptEncoding: ACCEPTED } },
  );
}

/** `x-gzip` is the same (RFC 9110 §8.4.1.3). */
function codingOf(name: string): ContentCoding | null {
  if (name === "x-gzip") return "gzip";
  return CONTENT_CODINGS.find((coding) => coding === name) ?? null;
}

/**
 * The coding for an answer, by the client's weights (RFC 9110 §12.5.3); null for none. Of equal weights
 * gzip comes first, and no coding last. What does not parse is not accepted.
 * @param header Accept-Encoding
 */
export function chooseContentCoding(header: string): ContentCoding | null {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(",")) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim());
    const coding = codingOf(name) ?? name;
    weights.set(coding, Math.max(weights.get(coding) ?? 0, weightOf(parameters)));
  }
  const others = weights.get("*") ?? 0;
  let best: ContentCoding | null = null;
  let bestWeight = weights.get("identity") ?? 0;
  for (const coding of CONTENT_CODINGS) {
    const weight = weights.get(coding) ?? others;
    if (weight > bestWeight || (weight === bestWeight && weight > 0 && best === null)) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}

const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** 1 without one; 0 for one that is malformed. */
function weightOf(parameters: readonly string[]): number {
  if (parameters.length === 0) return 1;
  const found = WEIGHT.exec(parameters[0] ?? "");
  return found === null ? 0 : Number(found[1]);
}
