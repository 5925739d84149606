import { type DestinationStream, destination, type Logger as PinoLogger, pino } from "pino";

export type Logger = PinoLogger;

/**
 * A JSON logger on standard error, line for line as the server's: `level`, `time` (ISO 8601),
 * `component`, `msg`. Log names, ids and counts; never rows, secrets, or URLs that may hold them.
 * @param level fatal, error, warn, info, debug, trace or silent
 */
export function createLogger(
  level: string,
  component: string,
  stream: DestinationStream = destination({ fd: 2, sync: true }),
): Logger {
  return pino({ level, base: { component }, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
