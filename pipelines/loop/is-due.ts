import { Cron } from "croner";

/** Whether so much time has passed since; also when the clock was set back to before it. */
export function isDue(lastMs: number, everyMs: number, nowMs: number): boolean {
  return nowMs < lastMs || nowMs - lastMs >= everyMs;
}

/** Whether a time of the expression, in UTC, has passed since; also when the clock was set back. */
export function isCronDue(cron: string, lastMs: number, nowMs: number): boolean {
  if (nowMs < lastMs) return true;
  const next = new Cron(cron, { timezone: "UTC" }).nextRun(new Date(lastMs));
  return next !== null && next.getTime() <= nowMs;
}
