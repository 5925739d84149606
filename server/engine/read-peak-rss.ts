import { readFileSync } from "node:fs";

/** Largest resident size so far (VmHWM), or now (VmRSS) where the kernel does not keep that. */
const LINES_KIB = [/^VmHWM:\s*(\d+) kB$/m, /^VmRSS:\s*(\d+) kB$/m];
/** Pages: total, resident, ... */
const STATM = /^\d+ (\d+) /;
/** The smallest in use: where pages are larger, a size read from `statm` is too small. */
const PAGE_BYTES = 4096;

/**
 * The largest resident size of a process that is known, bytes; of polls the caller keeps the maximum.
 * 0 where there is no such process or no /proc.
 * Source: proc_pid_status(5), proc_pid_statm(5)
 */
export function readPeakRssBytes(pid: number | undefined): number {
  return findPeakRssBytes((file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  });
}

/** @param read a file of the process's folder in /proc; empty where there is none */
export function findPeakRssBytes(read: (file: "status" | "statm") => string): number {
  const status = read("status");
  for (const line of LINES_KIB) {
    const kib = line.exec(status)?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  }
  return Number(STATM.exec(read("statm"))?.[1] ?? 0) * PAGE_BYTES;
}
