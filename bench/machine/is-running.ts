import { readFileSync } from "node:fs";

/** Whether the process is there and not merely waiting to be reaped. Linux only. */
export function isRunning(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name is in brackets and may hold anything; the state follows the last (proc_pid_stat(5)).
    return text.charAt(text.lastIndexOf(")") + 2) !== "Z";
  } catch {
    return false;
  }
}
