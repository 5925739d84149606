import type * as Uws from "uWebSockets.js";
import { createRequire } from "node:module";

export type UwsModule = typeof Uws;

/** `reason` says why `uws` is null; null otherwise. */
export type LoadedUws =
  | { readonly uws: UwsModule; readonly reason: null }
  | { readonly uws: null; readonly reason: string };

/**
 * uWebSockets.js where its binary fits this machine. Through `require` in a try: it is an optional
 * dependency with one binary per platform and ABI, and a static import would end the process.
 */
export function loadUws(): LoadedUws {
  try {
    return { uws: createRequire(import.meta.url)("uWebSockets.js") as UwsModule, reason: null };
  } catch (thrown) {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return { uws: null, reason: `uWebSockets.js does not load: ${firstLine(text)}` };
  }
}

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}
