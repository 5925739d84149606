import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process among those that one machine or container has ever run. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Tells a process from a later one with the same pid; null where the system does not say. */
  readonly startedAt: string | null;
}

/** Field 22 of /proc/<pid>/stat: ticks since boot; null without such a process or without /proc. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

/** REQUIRES: the process was of this machine and its process namespace. */
export function isProcessAlive({ pid, startedAt }: ProcessIdentity): boolean {
  if (startedAt !== null) return startOf(pid) === startedAt;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Eight hexadecimal digits that are equal where pids mean the same processes: host, boot, namespace. */
export function processSpace(): string {
  const parts = [hostname(), readOr("/proc/sys/kernel/random/boot_id", readFileSync), namespace()];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 8);
}

function namespace(): string {
  return readOr("/proc/self/ns/pid", readlinkSync);
}

function readOr(path: string, read: (path: string, encoding: "utf8") => string): string {
  try {
    return read(path, "utf8").trim();
  } catch {
    return "";
  }
}
