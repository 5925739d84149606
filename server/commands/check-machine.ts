import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { type Finding, finding } from "./doctor-check.ts";

const GIB = 1024 ** 3;
const FLOOR = [20, 19] as const;

export function checkNode(): Finding {
  const { node, modules } = process.versions;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const isOld = major < FLOOR[0] || (major === FLOOR[0] && minor < FLOOR[1]);
  const text = `${node}, ABI ${modules}, ${process.platform} ${process.arch}, ${libc()}`;
  return isOld
    ? finding("node", "fail", `${text}; ${FLOOR.join(".")} or later is needed`)
    : finding("node", "ok", text);
}

export function checkCpu(): Finding {
  const cores = availableParallelism();
  const quota = cpuQuota();
  const model = cpus()[0]?.model ?? "unknown model";
  if (quota === null) return finding("cpu", "ok", `${cores} cores, no cgroup limit, ${model}`);
  const text = `${cores} cores, cgroup limit ${quota.toFixed(2)} cores, ${model}`;
  return quota < cores
    ? finding("cpu", "warn", `${text}; set --threads and --intra-op-threads to fit the limit`)
    : finding("cpu", "ok", text);
}

export function checkMemory(): Finding {
  const total = totalmem();
  const limit = memoryLimit(total);
  const shown = limit === null ? "no cgroup limit" : `cgroup limit ${gib(limit)}`;
  const text = `${gib(total)}, ${shown}`;
  return (limit ?? total) < GIB / 2
    ? finding("memory", "warn", `${text}; less than 0.5 GiB is tight`)
    : finding("memory", "ok", text);
}

export function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

function libc(): string {
  if (process.platform !== "linux") return "system libc";
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const version = report.header?.glibcVersionRuntime;
  return version === undefined ? "no glibc (musl?)" : `glibc ${version}`;
}

/** Cores that the control group may use; null without a limit. */
function cpuQuota(): number | null {
  const v2 = readNumbers("/sys/fs/cgroup/cpu.max");
  const [quota, period] = v2 ?? [
    readNumbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?.[0],
    readNumbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?.[0],
  ];
  // "max" reads as NaN and -1 means none.
  return quota !== undefined && period !== undefined && quota > 0 && period > 0
    ? quota / period
    : null;
}

/** Bytes; null without a limit, which also shows as a number beyond the machine's memory. */
function memoryLimit(total: number): number | null {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < total ? limit : null;
}

function readNumbers(file: string): readonly number[] | null {
  try {
    return readFileSync(file, "utf8").trim().split(/\s+/).map(Number);
  } catch {
    return null;
  }
}
