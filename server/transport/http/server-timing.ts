import type { RequestOutcome } from "../../request/pipeline.ts";

/**
 * The header by which a request asks for Server-Timing (a structured boolean, as RFC 9530 has Want-…): to
 * every answer it would add three percent of the instructions of a small request.
 */
export const WANT_SERVER_TIMING = "want-server-timing";

/** @param header the value of Want-Server-Timing; null where it did not come */
export function wantsServerTiming(header: string | null): boolean {
  return header === "?1" || header === "1" || header === "true";
}

/**
 * The value of Server-Timing (W3C Server Timing §3): milliseconds that the request waited, computed and
 * spent in all from the end of its body to its encoded answer; and the rows of its batch.
 */
export function formatServerTiming(outcome: RequestOutcome): string {
  const { queueMs, computeMs, totalMs, batchRows } = outcome;
  return `queue;dur=${queueMs.toFixed(3)}, batch;desc=${batchRows}, compute;dur=${computeMs.toFixed(3)}, total;dur=${totalMs.toFixed(3)}`;
}
