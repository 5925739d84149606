import { InferError } from "../../../protocols/core/status.ts";
import type { LogLevel } from "../../lib/log.ts";
import { decodeObject } from "./control-body.ts";

/**
 * Log settings in Triton's words (extension_logging.md; its code writes log_warning and log_error in the
 * singular). Ours is one level, so that what is less severe is never on without what is more.
 */
export interface LogSettings {
  /** Lines go to standard error, which has no name. */
  readonly log_file: string;
  readonly log_info: boolean;
  readonly log_warning: boolean;
  readonly log_error: boolean;
  /** 0, 1 (debug) or 2 (trace). */
  readonly log_verbose_level: number;
  readonly log_format: "ISO8601";
}

/** From silent to most. */
const ORDER = ["silent", "error", "warn", "info", "debug", "trace"] as const;
const FLAGS = ["log_error", "log_warning", "log_info"] as const;

export function logSettingsOf(level: LogLevel): LogSettings {
  const rank = ORDER.indexOf(level as (typeof ORDER)[number]);
  return {
    log_file: "",
    log_info: rank >= 3,
    log_warning: rank >= 2,
    log_error: rank >= 1 || level === "fatal",
    log_verbose_level: Math.max(0, rank - 3),
    log_format: "ISO8601",
  };
}

/**
 * The level after the settings in a body were changed, and no others.
 * @throws InferError `invalid-argument`, `unsupported`
 */
export function logLevelAfter(level: LogLevel, body: Uint8Array): LogLevel {
  const changes = Object.entries(decodeObject(body)).filter(([, value]) => value !== null);
  const before = logSettingsOf(level);
  for (const [name, value] of changes) assertSetting(name, value, before);
  const after: LogSettings = { ...before, ...Object.fromEntries(changes) };
  const flags = FLAGS.map((name) => after[name]);
  const rank = flags.filter((isOn) => isOn).length;
  const isOrdered = flags.every((isOn, i) => isOn === i < rank);
  if (!isOrdered || (after.log_verbose_level > 0 && rank < FLAGS.length)) {
    throw new InferError(
      "invalid-argument",
      "log settings must be ordered: log_verbose_level above 0 needs log_info, log_info needs log_warning, and that log_error",
    );
  }
  return changes.length === 0 ? level : (ORDER[rank + after.log_verbose_level] ?? "trace");
}

function assertSetting(name: string, value: unknown, before: LogSettings): void {
  if (!Object.hasOwn(before, name)) {
    throw new InferError(
      "invalid-argument",
      `no such log setting: ${JSON.stringify(name.slice(0, 80))}; there are ${Object.keys(before).join(", ")}`,
    );
  }
  if (name === "log_file") {
    throw new InferError("unsupported", "the log file cannot be changed through a call");
  }
  if (name === "log_format") {
    if (value === "ISO8601") return;
    throw new InferError("unsupported", "log_format is always 'ISO8601': lines of JSON");
  }
  if (name === "log_verbose_level") {
    if (value === 0 || value === 1 || value === 2) return;
    throw new InferError("invalid-argument", "log_verbose_level must be 0, 1 or 2");
  }
  if (typeof value === "boolean") return;
  throw new InferError("invalid-argument", `log setting '${name}' must be true or false`);
}
