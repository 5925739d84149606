import { readFileSync, writeFileSync } from "node:fs";
import { readProcessTree, treeCpuUs } from "./process-tree.ts";

/** Processes of a server at this moment; those that they started count with them. */
export type ListPids = () => readonly number[];

/** What a server and the processes that it started used during a measured window. */
export interface ServerUsage {
  readonly processes: number;
  /** All threads of all processes. */
  readonly cpuUs: number;
  /** Cores kept busy, such as 0.8. */
  readonly cores: number;
  /** Resident at the end, summed over the processes: pages that they share count in each. */
  readonly rssBytes: number;
  /** Highest of each process inside the window, summed. */
  readonly peakRssBytes: number;
}

/**
 * Reads /proc at both ends of a window. The clock of CPU time ticks every 10 ms: short windows give
 * rough figures.
 */
export class UsageWindow {
  readonly #pids: ListPids;
  readonly #startMs: number;
  readonly #startCpuUs: number;

  /** Opens the window; the kernel's record of peak memory starts anew. */
  constructor(pids: ListPids) {
    this.#pids = pids;
    const tree = readProcessTree(pids());
    for (const each of tree) resetPeakRss(each.pid);
    this.#startCpuUs = treeCpuUs(tree);
    this.#startMs = performance.now();
  }

  /** null where there is no /proc or the process is gone. */
  close(): ServerUsage | null {
    const tree = readProcessTree(this.#pids());
    if (tree.length === 0) return null;
    const cpuUs = treeCpuUs(tree) - this.#startCpuUs;
    const wallUs = (performance.now() - this.#startMs) * 1000;
    const memory = tree.map((each) => readMemory(each.pid));
    return {
      processes: tree.length,
      cpuUs,
      cores: wallUs > 0 ? cpuUs / wallUs : 0,
      rssBytes: memory.reduce((sum, each) => sum + each.rssBytes, 0),
      peakRssBytes: memory.reduce((sum, each) => sum + each.peakRssBytes, 0),
    };
  }
}

interface Memory {
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

const NO_MEMORY: Memory = { rssBytes: 0, peakRssBytes: 0 };

export function readMemory(pid: number): Memory {
  try {
    return parseMemory(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return NO_MEMORY;
  }
}

/** VmRSS and VmHWM of /proc/PID/status, which are in KiB; a process that is ending has neither. */
export function parseMemory(status: string): Memory {
  const bytesOf = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  return { rssBytes: bytesOf("VmRSS"), peakRssBytes: bytesOf("VmHWM") };
}

/** proc_pid_clear_refs(5): 5 resets VmHWM. Where that is not allowed the peak is of the whole life. */
function resetPeakRss(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Another user's process, or it has just ended.
  }
}
