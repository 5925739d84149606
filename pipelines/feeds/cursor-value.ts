/**
 * A cursor value as a number that orders as the source does: microseconds since 1970 UTC for times,
 * the value itself for integers. A date is the start of its day.
 */
export type CursorKind = "time" | "date" | "integer";

const TIME =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|[+-]\d\d(?::?\d\d){0,2}))?)?$/i;
const ZONE = /^([+-])(\d\d):?(\d\d)?:?(\d\d)?$/;
const DAY_SECS = 86_400;
const DAY_MICROS = 86_400_000_000n;

/**
 * @param text a date, or a time as ISO 8601 or PostgreSQL write it; without a zone it is UTC; what is
 *   finer than a microsecond is cut
 * @returns null for anything else
 */
export function parseTime(text: string): bigint | null {
  const parts = TIME.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const days = daysOf(year ?? 0, month ?? 0, day ?? 0);
  if (days === null || (hour ?? 0) > 24 || (minute ?? 0) > 59 || (second ?? 0) > 60) return null;
  const secs = days * DAY_SECS + (hour ?? 0) * 3600 + (minute ?? 0) * 60 + (second ?? 0);
  const micros = Number((parts[7] ?? "").padEnd(6, "0").slice(0, 6));
  return BigInt(secs - zoneSecs(parts[8])) * 1_000_000n + BigInt(micros);
}

function daysOf(year: number, month: number, day: number): number | null {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  return date.getTime() / (DAY_SECS * 1000);
}

function zoneSecs(zone: string | undefined): number {
  const parts = ZONE.exec(zone ?? "");
  if (parts === null) return 0;
  const secs = Number(parts[2]) * 3600 + Number(parts[3] ?? 0) * 60 + Number(parts[4] ?? 0);
  return parts[1] === "-" ? -secs : secs;
}

export function parseCursor(kind: CursorKind, text: string): bigint | null {
  if (kind !== "integer") return parseTime(text);
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : null;
}

/** ISO 8601, a time in UTC with as many digits as there are; or the integer. */
export function formatCursor(kind: CursorKind, value: bigint): string {
  if (kind === "integer") return value.toString();
  const micros = ((value % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = new Date(Number((value - micros) / 1000n)).toISOString().slice(0, -5);
  if (kind === "date") return whole.slice(0, whole.indexOf("T"));
  const fraction = micros.toString().padStart(6, "0").replace(/0+$/, "");
  return `${whole}${fraction === "" ? "" : `.${fraction}`}Z`;
}

/**
 * The least value that the next pull reads again: late rows are found in times, not in integers. Of
 * dates it is a whole day, as the rows of a day come until it ends.
 */
export function lagFloor(kind: CursorKind, cursor: bigint, lagSecs: number): bigint {
  if (kind === "integer") return cursor;
  const floor = cursor - BigInt(Math.round(lagSecs * 1_000_000));
  return kind === "time" ? floor : floor - (((floor % DAY_MICROS) + DAY_MICROS) % DAY_MICROS);
}

/**
 * Where the next pull starts. A time in the future (a wrong clock, a planned date) must not push the
 * cursor past rows that are yet to come: the cursor stops at `ceiling`, and rows above it are kept in
 * mind instead.
 * @param ceiling null for integers
 */
export function advanceCursor(
  before: bigint | null,
  highest: bigint | null,
  ceiling: bigint | null,
): bigint | null {
  if (highest === null) return before;
  const capped = ceiling !== null && highest > ceiling ? ceiling : highest;
  return before !== null && before > capped ? before : capped;
}
