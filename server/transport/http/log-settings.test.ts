import assert from "node:assert/strict";
import { test } from "node:test";
import { InferError } from "../../../protocols/core/status.ts";
import type { LogLevel } from "../../lib/log.ts";
import { logLevelAfter, logSettingsOf } from "./log-settings.ts";

const after = (level: LogLevel, body: object) =>
  logLevelAfter(level, Buffer.from(JSON.stringify(body)));

test("each level has settings of its own, which lead back to it", () => {
  for (const level of ["silent", "error", "warn", "info", "debug", "trace"] as const) {
    const { log_file: _, ...settings } = logSettingsOf(level);
    assert.equal(after("info", settings), level);
    assert.equal(after(level, {}), level);
  }
  assert.equal(logSettingsOf("fatal").log_error, true);
});

test("a change touches what it names, and null nothing", () => {
  assert.equal(after("info", { log_verbose_level: 1 }), "debug");
  assert.equal(after("debug", { log_verbose_level: 0, log_info: false }), "warn");
  assert.equal(after("warn", { log_info: true, log_error: null }), "info");
  assert.equal(after("fatal", {}), "fatal");
});

test("what has no meaning is refused", () => {
  const refused = (body: object, code: string) =>
    assert.throws(
      () => after("info", body),
      (error) => error instanceof InferError && error.code === code,
    );
  refused({ log_error: false }, "invalid-argument");
  refused({ log_info: false, log_verbose_level: 1 }, "invalid-argument");
  refused({ log_verbose_level: 3 }, "invalid-argument");
  refused({ log_info: "yes" }, "invalid-argument");
  refused({ log_warnings: true }, "invalid-argument");
  refused({ log_file: "/tmp/x" }, "unsupported");
  refused({ log_format: "default" }, "unsupported");
});
