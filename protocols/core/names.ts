import { InferError } from "./status.ts";

/** Names become path segments, metric labels and URL parts: one allow-list for all of them. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const VERSION = /^[1-9][0-9]{0,9}$/;
const RESERVED: ReadonlySet<string> = new Set(["constructor", "prototype"]);

export function isModelName(text: string): boolean {
  return NAME.test(text) && !text.includes("..") && !RESERVED.has(text);
}

/** A version is a positive integer without leading zeros. */
export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/** An alias is a name that cannot be read as a version. */
export function isAlias(text: string): boolean {
  return isModelName(text) && !/^[0-9]/.test(text);
}

/** The alias that a request without a version reaches. */
export const DEFAULT_ALIAS = "champion";
/** The alias that keeps the version before the champion, for rollback. */
export const PREVIOUS_ALIAS = "previous";

export function assertModelName(text: string): void {
  if (!isModelName(text)) {
    throw new InferError(
      "invalid-argument",
      `model name ${JSON.stringify(text.slice(0, 140))} must be 1-128 of A-Z a-z 0-9 . _ - and start with a letter or digit`,
    );
  }
}
