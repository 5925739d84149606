import { randomBytes } from "node:crypto";

const MAX_CHARS = 128;

/** Mints request ids of one thread: a random prefix and a counter. */
export class RequestIds {
  readonly #prefix = randomBytes(6).toString("hex");
  #next = 0;

  /** The client's own id where it is 1-128 of A-Z a-z 0-9 . _ - (safe in logs and headers), else a new one. */
  take(fromClient: string | null): string {
    if (fromClient !== null && isSafe(fromClient)) return fromClient;
    this.#next += 1;
    return `${this.#prefix}-${this.#next.toString(36)}`;
  }
}

function isSafe(text: string): boolean {
  if (text.length === 0 || text.length > MAX_CHARS) return false;
  for (let i = 0; i < text.length; i += 1) {
    if (!isSafeCode(text.charCodeAt(i))) return false;
  }
  return true;
}

function isSafeCode(code: number): boolean {
  const isDigit = code >= 48 && code <= 57;
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return isDigit || isLetter || code === 45 || code === 46 || code === 95;
}
