import { readdirSync, readFileSync } from "node:fs";
import { TICK_US } from "./processor-times.ts";

/** One line of /proc/PID/stat (proc_pid_stat(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  /** Its threads', and that of its children that it has waited for. */
  readonly cpuUs: number;
}

/** The processes and all that descend from them, as far as they live. Empty without /proc. */
export function readProcessTree(roots: readonly number[]): ProcessStat[] {
  return selectTree(readAllProcesses(), roots);
}

/** Each once, however it is reached. */
export function selectTree(all: readonly ProcessStat[], roots: readonly number[]): ProcessStat[] {
  const tree = new Set(all.filter((each) => roots.includes(each.pid)));
  // What is added while a set is walked is walked too.
  for (const parent of tree) {
    for (const each of all) if (each.parentPid === parent.pid) tree.add(each);
  }
  return [...tree];
}

/**
 * CPU time of the tree so far. A child that ends hands its time to the parent that waits for it, so
 * differences of two readings hold across that.
 */
export function treeCpuUs(tree: readonly ProcessStat[]): number {
  return tree.reduce((sum, each) => sum + each.cpuUs, 0);
}

/** @throws Error for what is no such line */
export function parseProcessStat(text: string): ProcessStat {
  // The name is in brackets and may hold anything, brackets too.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const pid = Number.parseInt(text, 10);
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  if (Number.isNaN(pid + ticks)) throw new Error(`expected a line of /proc/PID/stat, got ${text}`);
  return { pid, parentPid: Number(fields[1]), cpuUs: ticks * TICK_US };
}

function readAllProcesses(): ProcessStat[] {
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => readOne(pid) ?? []);
  } catch {
    return [];
  }
}

/** null when it ended a moment ago. */
function readOne(pid: string): ProcessStat | null {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}
