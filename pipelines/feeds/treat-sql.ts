import type { DataEngine } from "../datasets/duckdb.ts";
import type { Treatment } from "../project/project.ts";

const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
const HASH_DIGITS = 32;
const SHOWN_CHARACTERS = 4;

/** Gives the engine the key of the `hash` treatment, for as long as it is open. */
export async function loadHashKey(
  engine: DataEngine,
  hashKey: string,
  sha256: (bytes: Buffer) => Buffer,
): Promise<void> {
  const bytes = Buffer.from(hashKey, "utf8");
  const block = Buffer.alloc(BLOCK_BYTES);
  (bytes.byteLength > BLOCK_BYTES ? sha256(bytes) : bytes).copy(block);
  const padHex = (pad: number) => Buffer.from(block.map((byte) => byte ^ pad)).toString("hex");
  await engine.run(`SET VARIABLE hash_inner = unhex('${padHex(INNER_PAD)}')`);
  await engine.run(`SET VARIABLE hash_outer = unhex('${padHex(OUTER_PAD)}')`);
}

/** A treated text; a missing one stays missing. `hash` needs loadHashKey. */
export function treatSql(treatment: Treatment, text: string): string {
  if (treatment === "hash") return hashSql(text);
  return treatment === "mask" ? maskSql(text) : text;
}

/** HMAC-SHA256 (RFC 2104) of the UTF-8 text, the first 32 hex digits. */
function hashSql(text: string): string {
  const inner = `unhex(sha256(getvariable('hash_inner') || encode(${text})))`;
  return `left(sha256(getvariable('hash_outer') || ${inner}), ${HASH_DIGITS})`;
}

/** A text so short that the last four characters are all of it is hidden whole. */
function maskSql(text: string): string {
  return `CASE WHEN length(${text}) <= ${SHOWN_CHARACTERS} THEN repeat('*', length(${text}))
    ELSE repeat('*', length(${text}) - ${SHOWN_CHARACTERS}) || right(${text}, ${SHOWN_CHARACTERS}) END`;
}
