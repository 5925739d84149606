import { cpus, loadavg, platform, release, totalmem } from "node:os";
import type { PinningOutcome } from "./machine/with-pinning.ts";

/** Where and when figures were taken: without it they mean nothing. */
export interface Environment {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Load average of the last minute when the run began: other work on the machine. */
  readonly loadAverage: number;
  /** Which cores ran what, or why nothing was pinned. */
  readonly pinning: string;
}

export function describeEnvironment(date: Date, pinned: PinningOutcome): Environment {
  const processors = cpus();
  return {
    date: date.toISOString(),
    node: process.version,
    platform: `${platform()} ${release()} ${process.arch}`,
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    loadAverage: loadavg()[0] ?? 0,
    pinning: describePinning(pinned),
  };
}

function describePinning({ pinning, reason }: PinningOutcome): string {
  return reason === null
    ? `servers on core ${pinning.server}, generator on core ${pinning.generator}`
    : `not pinned: ${reason}`;
}
