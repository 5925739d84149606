import { Cron } from "croner";

/** What is wrong with a cron pattern (UTC), in words; null: nothing. */
export function cronProblem(pattern: string): string | null {
  try {
    const next = new Cron(pattern, { paused: true, timezone: "UTC" }).nextRun();
    return next === null ? `expected a pattern that comes again, came '${pattern}'` : null;
  } catch {
    return `expected a cron pattern such as '0 3 * * *', came '${pattern}'`;
  }
}
