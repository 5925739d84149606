import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Cores that each side has to itself, as `taskset -c` takes them; null: not pinned. */
export interface Pinning {
  readonly server: string | null;
  readonly generator: string | null;
}

export const NOT_PINNED: Pinning = { server: null, generator: null };

/**
 * The generator gets a core a thread from the end, half of them at most; the servers get the rest.
 * @param cores that this process may use; with fewer than 2 nothing is pinned
 */
export function dividePinning(cores: readonly number[], generatorThreads: number): Pinning {
  if (cores.length < 2) return NOT_PINNED;
  const count = Math.min(generatorThreads, cores.length >> 1);
  const split = cores.length - count;
  return { server: cores.slice(0, split).join(","), generator: cores.slice(split).join(",") };
}

/** Cores that the kernel lets this process use; empty where there is no /proc. */
export function allowedCores(): number[] {
  try {
    const status = readFileSync("/proc/self/status", "latin1");
    return parseCores(/^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1] ?? "");
  } catch {
    return [];
  }
}

/** `0,2-4` as [0,2,3,4] (cpuset(7), list format). */
export function parseCores(list: string): number[] {
  if (list === "") return [];
  return list.split(",").flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * Moves this process, with all threads that it has and will have, to the generator's cores.
 * Children inherit that: start servers with cores of their own.
 * @returns undoes it
 * @throws Error when there is no taskset or the kernel refuses
 */
export function pinThisProcess(cores: string): () => void {
  const before = allowedCores().join(",");
  moveThisProcess(cores);
  return () => moveThisProcess(before);
}

function moveThisProcess(cores: string): void {
  execFileSync("taskset", ["-a", "-c", "-p", cores, String(process.pid)], { stdio: "pipe" });
}
