import { readdirSync, readFileSync } from "node:fs";

/** Fields of /proc/PID/stat after the name, counted from the state (proc_pid_stat(5)). */
const STATE = 0;
const PARENT = 1;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** Ids of all processes below `root`, without it; empty when it is gone. Linux only. */
export function descendantsOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    const fields = Number.isInteger(pid) ? readStat(pid) : null;
    if (fields === null) continue;
    const parent = Number(fields[PARENT]);
    const siblings = children.get(parent) ?? [];
    siblings.push(pid);
    children.set(parent, siblings);
  }
  const found: number[] = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const below = children.get(pid) ?? [];
    found.push(...below);
    waiting.push(...below);
  }
  return found;
}

/** Whether the process is there and not merely waiting to be reaped. */
export function isRunning(pid: number): boolean {
  const state = readStat(pid)?.[STATE];
  return state !== undefined && state !== "Z";
}

/** CPU time that these processes have used so far, in clock ticks (of 10 ms on Linux). */
export function cpuTicksOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readStat(pid);
    if (fields !== null) ticks += Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS]);
  }
  return ticks;
}

/** null for a process that has ended. */
function readStat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold any character; what follows the last is plain.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
