import { InferError } from "../../../protocols/core/status.ts";
import { readCredential } from "../../access/read-credential.ts";

/** The headers that the server reads; all others are ignored. */
export const READ_HEADERS = [
  "accept-encoding",
  "access-control-request-method",
  "authorization",
  "content-encoding",
  "content-length",
  "host",
  "inference-header-content-length",
  "origin",
  "sec-websocket-protocol",
  "transfer-encoding",
  "want-server-timing",
  "x-api-key",
  "x-request-id",
  "x-request-timeout-ms",
] as const;

/**
 * Places by the length of the name, -1 for none: no two have the same. Looking a name up in a Map
 * would hash a new string for every header of every request.
 */
const PLACES = new Int8Array(Math.max(...READ_HEADERS.map((name) => name.length)) + 1).fill(-1);
READ_HEADERS.forEach((name, place) => {
  if (PLACES[name.length] !== -1) throw new Error(`'${name}' is as long as another header`);
  PLACES[name.length] = place;
});

/** -1 for a header that is ignored. */
function placeOf(name: string): number {
  const place = PLACES[name.length] ?? -1;
  return place !== -1 && READ_HEADERS[place] === name ? place : -1;
}

/**
 * The head of one request as both listeners hand it over, so that both judge it alike. A header that
 * comes twice is remembered and refused: two Content-Length or Host headers mean different requests
 * to different parsers (request smuggling), and uWebSockets.js lets them through.
 */
export class RequestHeaders {
  /** By place; undefined where none came. */
  readonly #values: (string | undefined)[] = new Array(READ_HEADERS.length);
  #duplicate: string | null = null;

  /** @param name lower case */
  add(name: string, value: string): void {
    const place = placeOf(name);
    if (place === -1) return;
    const before = this.#values[place] ?? null;
    if (before === null) {
      this.#values[place] = value;
    } else if (name === "sec-websocket-protocol" || name === "accept-encoding") {
      this.#values[place] = `${before}, ${value}`;
    } else if (name !== "x-request-id") {
      this.#duplicate ??= name;
    }
  }

  get(name: string): string | null {
    return this.#values[placeOf(name)] ?? null;
  }

  /**
   * Bytes of the body that the head declares; null for a chunked one, 0 for none.
   * @throws InferError `invalid-argument` for a head whose framing is in doubt: close the connection.
   */
  bodyLength(): number | null {
    if (this.#duplicate !== null) {
      throw new InferError("invalid-argument", `header '${this.#duplicate}' came more than once`);
    }
    const length = this.get("content-length");
    const transfer = this.get("transfer-encoding");
    if (transfer !== null) {
      if (length !== null || transfer.toLowerCase() !== "chunked") {
        throw new InferError(
          "invalid-argument",
          "header 'transfer-encoding' must be 'chunked' and come without 'content-length'",
        );
      }
      return null;
    }
    return length === null ? 0 : this.#wholeNumber("content-length", length);
  }

  isFramingSound(): boolean {
    try {
      this.bodyLength();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * A header that holds a whole number; null where it did not come.
   * @throws InferError `invalid-argument` for anything but 1-15 digits.
   */
  wholeNumber(name: string): number | null {
    const text = this.get(name);
    return text === null ? null : this.#wholeNumber(name, text);
  }

  #wholeNumber(name: string, text: string): number {
    const isDigits = text.length > 0 && text.length <= 15 && isAllDigits(text);
    if (isDigits) return Number(text);
    throw new InferError(
      "invalid-argument",
      `header '${name}' must be a whole number, got ${JSON.stringify(text.slice(0, 40))}`,
    );
  }

  credential(): string | null {
    return readCredential((name) => this.get(name));
  }
}

function isAllDigits(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
}
