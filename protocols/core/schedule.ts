import type { Parameters, ParameterValue } from "./infer.ts";
import { InferError } from "./status.ts";

/** Request parameters of the schedule_policy extension (Open Inference Protocol, as Triton serves it). */
export const PRIORITY = "priority";
/** Microseconds from the request's arrival. */
export const TIMEOUT = "timeout";

/** Of a request that names none. */
export const DEFAULT_PRIORITY = 2;
/** The least urgent there is; larger ones count as this. */
export const LEAST_PRIORITY = 5;

const US_PER_MS = 1000;

/**
 * How urgent a request is: 1 is the most urgent, LEAST_PRIORITY the least; 0, or none at all, is
 * DEFAULT_PRIORITY. @throws InferError `invalid-argument` for anything but a whole number from 0
 */
export function readPriority(parameters: Parameters): number {
  const value = readWhole(parameters, PRIORITY);
  if (value === null || value === 0) return DEFAULT_PRIORITY;
  return Math.min(value, LEAST_PRIORITY);
}

/** Milliseconds; null for none or 0. @throws InferError `invalid-argument` for anything but a whole number from 0 */
export function readTimeoutMs(parameters: Parameters): number | null {
  const value = readWhole(parameters, TIMEOUT);
  return value === null || value === 0 ? null : value / US_PER_MS;
}

function readWhole(parameters: Parameters, name: string): number | null {
  const value = parameters.get(name);
  if (value === undefined) return null;
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0) return number;
  throw new InferError(
    "invalid-argument",
    `parameter '${name}' must be a whole number from 0, got ${describe(value)}`,
  );
}

function describe(value: ParameterValue): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return String(value);
}
