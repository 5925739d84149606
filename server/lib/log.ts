import { type DestinationStream, destination, type Logger as PinoLogger, pino } from "pino";

export type Logger = PinoLogger;
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * A JSON logger on standard error. Written synchronously: a worker thread's lines must not be lost
 * when it ends. Log request ids, model names and codes; never payloads, keys or paths of a request.
 */
export function createLogger(
  level: LogLevel,
  component: string,
  stream: DestinationStream = destination({ fd: 2, sync: true }),
): Logger {
  return pino({ level, base: { component }, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
