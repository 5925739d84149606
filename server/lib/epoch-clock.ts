// Not the global of the same name, a getter that costs as much as the clock itself.
import { performance } from "node:perf_hooks";

/**
 * Milliseconds since the epoch, monotonic within a thread and the same on all threads of a process
 * (performance.now() alone starts at zero in each).
 */
export function epochNowMs(): number {
  return performance.timeOrigin + performance.now();
}
