import { readFileSync } from "node:fs";

/** Linux counts processor time for readers in hundredths of a second, whatever its own clock is. */
export const TICK_US = 10_000;

/** Of all cores together since the machine started. */
export interface ProcessorTimes {
  /** Anybody's work, in user mode and the kernel's; not idle, not stolen. */
  readonly busyUs: number;
  /** Time that the hypervisor gave to somebody else. */
  readonly stolenUs: number;
}

/** null where there is no /proc/stat. */
export function readProcessorTimes(): ProcessorTimes | null {
  try {
    return parseProcessorTimes(readFileSync("/proc/stat", "latin1"));
  } catch {
    return null;
  }
}

/** The first line of /proc/stat (proc_stat(5)): guest time is counted in user time already. */
export function parseProcessorTimes(text: string): ProcessorTimes {
  const line = text.slice(0, text.indexOf("\n"));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busyUs: (user + nice + system + irq + softirq) * TICK_US, stolenUs: steal * TICK_US };
}
