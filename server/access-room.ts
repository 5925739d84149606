import { watch } from "node:fs";
import { basename, dirname } from "node:path";
import { type AuditLog, auditLogPath, openAuditLog } from "./access/audit-log.ts";
import type { AuditEntry } from "./access/audit-record.ts";
import { createDenialCoalescer, type DenialCoalescer } from "./access/denial-coalescer.ts";
import { readKeyFile } from "./access/key-file.ts";
import type { Denial } from "./access/key-gatekeeper.ts";
import type { KeyRecord } from "./access/key-record.ts";
import type { Config } from "./config/config.ts";
import { isLoopback } from "./lib/local-host.ts";
import type { Logger } from "./lib/log.ts";
import type { AccessMode } from "./threads/messages.ts";

const DENIAL_WINDOW_MS = 10_000;
const MAX_DENIAL_BUCKETS = 1000;
const KEY_POLL_MS = 5000;

/** Keys and audit as the control thread holds them. */
export interface AccessRoom {
  readonly mode: AccessMode;
  record(entry: AuditEntry): void;
  recordDenial(denial: Denial): void;
  /** Calls back whenever the key file holds other keys; a file that cannot be read keeps the old. */
  watchKeys(onKeys: (records: readonly KeyRecord[]) => void): void;
  close(): Promise<void>;
}

/** @throws KeyFileError or AuditLogError when either file cannot be used */
export async function openAccessRoom(
  config: Pick<Config, "home" | "host" | "keysFile">,
  log: Logger,
  onAuditLost: () => void,
): Promise<AccessRoom> {
  const audit = await openAuditLog(auditLogPath(config.home), Date.now);
  const record = (entry: AuditEntry) => appendOrTell(audit, entry, log, onAuditLost);
  const denials = createDenialCoalescer({
    windowMs: DENIAL_WINDOW_MS,
    maxBuckets: MAX_DENIAL_BUCKETS,
    clock: Date.now,
    emit: record,
  });
  const timer = setInterval(() => denials.flushDue(), DENIAL_WINDOW_MS);
  timer.unref();
  let stopWatching: () => void = () => undefined;
  const mode = accessMode(config);
  return {
    mode,
    record,
    recordDenial: (denial) => denials.add(denial),
    watchKeys: (onKeys) => {
      if (mode.kind === "keys") stopWatching = watchKeyFile(mode, onKeys, log);
    },
    close: () => closeAll(audit, denials, timer, stopWatching),
  };
}

type KeyMode = Extract<AccessMode, { kind: "keys" }> & { readonly path: string };

function accessMode({
  keysFile,
  host,
}: Pick<Config, "keysFile" | "host">): KeyMode | Exclude<AccessMode, { kind: "keys" }> {
  if (keysFile === null) return openMode(host);
  return { kind: "keys", records: readKeyFile(keysFile), path: keysFile };
}

/** Without keys, only who sits at this machine may steer; a wider network (--insecure) may infer. */
function openMode(host: string): Extract<AccessMode, { kind: "open" }> {
  return { kind: "open", role: isLoopback(host) ? "admin" : "infer" };
}

async function closeAll(
  audit: AuditLog,
  denials: DenialCoalescer,
  timer: NodeJS.Timeout,
  stopWatching: () => void,
): Promise<void> {
  clearInterval(timer);
  stopWatching();
  denials.flush();
  await audit.close();
}

/** Serving goes on when the disk is full, but the loss is told. */
function appendOrTell(
  audit: AuditLog,
  entry: AuditEntry,
  log: Logger,
  onAuditLost: () => void,
): void {
  audit.append(entry).catch((thrown: unknown) => {
    onAuditLost();
    log.error({ err: thrown, action: entry.action, target: entry.target }, "audit record lost");
  });
}

function watchKeyFile(
  { path, records: first }: KeyMode,
  onKeys: (records: readonly KeyRecord[]) => void,
  log: Logger,
): () => void {
  let last = JSON.stringify(first);
  const check = () => {
    try {
      const records = readKeyFile(path);
      const text = JSON.stringify(records);
      if (text === last) return;
      last = text;
      onKeys(records);
      log.info({ keys: records.length }, "the key file changed");
    } catch (thrown) {
      log.error({ err: thrown }, "the key file cannot be read; the keys before stay in force");
    }
  };
  // The folder, not the file: the file is replaced by rename. Polling covers mounts without events.
  const watcher = watch(dirname(path), (_event, name) => {
    if (name === null || name === basename(path)) check();
  });
  const timer = setInterval(check, KEY_POLL_MS);
  timer.unref();
  // It may have changed since the threads were given their records.
  check();
  return () => {
    watcher.close();
    clearInterval(timer);
  };
}
