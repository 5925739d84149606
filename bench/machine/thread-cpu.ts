import { readFileSync } from "node:fs";

/** CPU time of the calling thread so far, from /proc/thread-self/schedstat; null where there is none. */
export function readThreadCpuUs(): number | null {
  try {
    const ns = Number.parseInt(readFileSync("/proc/thread-self/schedstat", "latin1"), 10);
    // A kernel without scheduler statistics has the file and leaves it at 0.
    return ns > 0 ? ns / 1000 : null;
  } catch {
    return null;
  }
}
