/** What both sides speak: JSON text frames. */
export const JSON_SUBPROTOCOL = "sluice.json";
/** Carries a key where the client cannot set headers (browsers). Never echoed. */
const KEY_PREFIX = "sluice.key.";

export interface OfferedSubprotocols {
  /** The one to answer with; null when the client did not offer it. */
  readonly chosen: typeof JSON_SUBPROTOCOL | null;
  readonly key: string | null;
}

/** Reads Sec-WebSocket-Protocol (RFC 6455 §4.1); null where it did not come. */
export function readSubprotocols(header: string | null): OfferedSubprotocols {
  let chosen: typeof JSON_SUBPROTOCOL | null = null;
  let key: string | null = null;
  for (const offered of (header ?? "").split(",")) {
    const name = offered.trim();
    if (name === JSON_SUBPROTOCOL) chosen = JSON_SUBPROTOCOL;
    else if (name.startsWith(KEY_PREFIX)) key ??= name.slice(KEY_PREFIX.length);
  }
  return { chosen, key };
}
