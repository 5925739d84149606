import { type LoadedUws, loadUws } from "./load-uws.ts";

/** `auto`: uws where it loads. */
export type TransportSetting = "auto" | PickedTransport["kind"];

/** What listens for HTTP, and what to say of it. */
export interface PickedTransport {
  readonly kind: "uws" | "node";
  readonly text: string;
}

/** uWebSockets.js where it loads, unless told otherwise. @throws Error when told uws and it does not load */
export function pickTransport(
  setting: TransportSetting,
  load: () => LoadedUws = loadUws,
): PickedTransport {
  if (setting === "node") return { kind: "node", text: "node:http (as set)" };
  const { uws, reason } = load();
  if (uws !== null) return { kind: "uws", text: "uWebSockets.js" };
  if (setting === "uws") throw new Error(`httpTransport is uws, but ${reason}`);
  return { kind: "node", text: `node:http (${reason})` };
}
