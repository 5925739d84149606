import type { IncomingMessage } from "node:http";
import { RequestHeaders } from "./request-headers.ts";

/** From the raw list: `req.headers` hides that a header came twice. */
export function headersOf(req: IncomingMessage): RequestHeaders {
  const headers = new RequestHeaders();
  const raw = req.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers.add((raw[i] ?? "").toLowerCase(), raw[i + 1] ?? "");
  }
  return headers;
}
