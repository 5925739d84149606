import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { findProgram } from "../../server/testing/skip.ts";
import { isRunning } from "../machine/is-running.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** A server that ignores SIGTERM and has a daemon, which left its session and lost its parent. */
const STUBBORN = `
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("daemon.tmp", "w") as file:
            file.write(str(os.getpid()))
        os.rename("daemon.tmp", "daemon")
        signal.pause()
    os._exit(0)
signal.pause()
`;

const python = findProgram("python3");
const NEEDS_PYTHON = {
  skip: python === null || process.platform !== "linux" ? "needs python3 on Linux" : false,
};
const WAIT_MS = 30_000;
const POLL_MS = 20;
const folder = mkdtempSync(join(tmpdir(), "supervised-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): { readonly script: string; readonly home: string } {
  const home = mkdtempSync(join(folder, "home-"));
  const script = join(home, name);
  writeFileSync(script, text);
  return { script, home };
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, `not so within ${WAIT_MS} ms: ${condition}`);
    await setTimeout(POLL_MS);
  }
}

function optionsFor(script: string, home: string) {
  return { python: python ?? "", script, folder: home, env: { PATH: "/usr/bin:/bin" }, cpus: null };
}

describe("supervised process", NEEDS_PYTHON, () => {
  it("counts and ends the whole tree, daemons and what ignores SIGTERM included", async () => {
    const { script, home } = write("stubborn.py", STUBBORN);
    const server = new SupervisedProcess(optionsFor(script, home));
    await until(() => existsSync(join(home, "daemon")));
    const daemon = Number(readFileSync(join(home, "daemon"), "utf8"));
    await until(() => server.pids().includes(daemon));
    const pids = server.pids();
    assert.ok(pids.length >= 2, `${pids}`);
    await server.stop();
    assert.deepEqual(pids.filter(isRunning), []);
  });

  it("ends the tree when the process that started it is killed", async () => {
    const { script, home } = write("stubborn.py", STUBBORN);
    const module = new URL("./supervised-process.js", import.meta.url).href;
    const options = JSON.stringify(optionsFor(script, home));
    const code = `import { SupervisedProcess } from "${module}"; new SupervisedProcess(${options});`;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: "ignore" });
    await until(() => existsSync(join(home, "daemon")));
    const daemon = Number(readFileSync(join(home, "daemon"), "utf8"));
    assert.ok(isRunning(daemon));
    owner.kill("SIGKILL");
    await until(() => !isRunning(daemon));
  });

  it("says the last words of a server that ends first", async () => {
    const { script, home } = write("broken.py", "raise SystemExit('no such model')");
    const server = new SupervisedProcess(optionsFor(script, home));
    const never = () => Promise.resolve(false);
    await assert.rejects(server.until(never, WAIT_MS, POLL_MS), /it ended: no such model/);
    await server.stop();
  });

  it("pins the server to the cores that it is given", async () => {
    const text = "import os, sys; sys.exit(','.join(map(str, os.sched_getaffinity(0))))";
    const { script, home } = write("cores.py", text);
    const server = new SupervisedProcess({ ...optionsFor(script, home), cpus: "0-0" });
    const never = () => Promise.resolve(false);
    await assert.rejects(server.until(never, WAIT_MS, POLL_MS), /it ended: 0$/);
    await server.stop();
  });
});
