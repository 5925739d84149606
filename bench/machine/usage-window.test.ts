import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { parseMemory, UsageWindow } from "./usage-window.ts";

const LINUX = { skip: process.platform === "linux" ? false : "needs /proc" };

test("memory is read in KiB, and is 0 of a process that is ending", () => {
  const status = "Name:\tnode\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
  assert.deepEqual(parseMemory(status), { rssBytes: 1024 ** 2, peakRssBytes: 2 * 1024 ** 2 });
  assert.deepEqual(parseMemory("Name:\tzombie\n"), { rssBytes: 0, peakRssBytes: 0 });
});

test("a window counts the CPU time of the process and of what it started", LINUX, async () => {
  const work = "const to = process.cpuUsage().user + 150e3; while (process.cpuUsage().user < to);";
  const script = `
    const { spawnSync } = require("node:child_process");
    process.stdin.once("data", () => {
      spawnSync(process.execPath, ["-e", ${JSON.stringify(work)}]);
      ${work}
      process.stdout.write("done");
    });
    process.stdout.write("ready");`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    const window = new UsageWindow(() => [child.pid ?? 0]);
    child.stdin.write("go");
    await once(child.stdout, "data");
    const usage = window.close();
    assert.ok((usage?.cpuUs ?? 0) >= 280_000, `${usage?.cpuUs} µs`);
    assert.ok((usage?.cores ?? 0) > 0);
    assert.ok((usage?.rssBytes ?? 0) > 10e6, `${usage?.rssBytes} bytes`);
    assert.ok((usage?.peakRssBytes ?? 0) >= (usage?.rssBytes ?? 0));
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  assert.equal(new UsageWindow(() => [child.pid ?? 0]).close(), null);
});
