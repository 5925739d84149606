import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { captureIo } from "./testing/capture-io.ts";
import { runUp, type UpChild } from "./up.ts";

const script = (name: string, code: string): UpChild => ({
  name,
  command: [process.execPath, "-e", code],
});
/** Says when it is asked to stop, and ends. */
const POLITE = `
  process.on("SIGTERM", () => { console.log("stopping"); process.exit(0); });
  setInterval(() => null, 1000);
  console.log("ready");
`;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function signals() {
  const [first, second] = [new AbortController(), new AbortController()];
  return { first, stopSignals: { first: first.signal, second: second.signal } };
}

describe("sluice up", () => {
  it("leaves no child behind when it is killed", async () => {
    const up = new URL("./up.js", import.meta.url).href;
    const child = `process.once("disconnect", () => process.exit(0)); process.channel.unref();
      setInterval(() => null, 1000); console.log(process.pid);`;
    const starter = `import { runUp } from ${JSON.stringify(up)};
      const never = new AbortController().signal;
      const children = [{ name: "c", command: [process.execPath, "-e", ${JSON.stringify(child)}] }];
      const options = { children, stopSignals: { first: never, second: never }, sharesTerminal: false, restartDelayMs: 1 };
      await runUp(options, { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: "." });`;
    const supervisor = spawn(process.execPath, ["--input-type=module", "-e", starter]);
    const [line] = (await once(supervisor.stdout.setEncoding("utf8"), "data")) as [string];
    const pid = Number(line.split("|")[1]);
    supervisor.kill("SIGKILL");
    for (let waited = 0; isAlive(pid); waited += 20) {
      assert.ok(waited < 10_000, "the child lives on");
      await delay(20);
    }
  });

  it("runs both, names their lines, hands the signal on and waits", async () => {
    const { first, stopSignals } = signals();
    const { io, out, whenSaid } = captureIo();
    const children = [script("serve", POLITE), script("pipelines", POLITE)];
    const up = runUp({ children, stopSignals, sharesTerminal: false, restartDelayMs: 10 }, io);
    await whenSaid(/serve {5}\| ready/);
    await whenSaid(/pipelines \| ready/);
    first.abort("SIGTERM");
    assert.equal(await up, 0);
    assert.match(out(), /serve {5}\| stopping/);
    assert.match(out(), /pipelines \| stopping/);
  });

  it("passes standard error on as it is", async () => {
    const { first, stopSignals } = signals();
    const { io, err, whenSaid } = captureIo();
    const children = [script("serve", `console.error('{"msg":"hello"}'); ${POLITE}`)];
    const up = runUp({ children, stopSignals, sharesTerminal: false, restartDelayMs: 10 }, io);
    await whenSaid(/ready/);
    await whenSaid(/hello/);
    first.abort("SIGTERM");
    await up;
    assert.equal(err(), '{"msg":"hello"}\n');
  });

  it("starts anew what was killed, and says so", async () => {
    const { first, stopSignals } = signals();
    const { io, out, err, whenSaid } = captureIo();
    const lives = `${POLITE} console.log("pid " + process.pid);`;
    const children = [script("serve", lives)];
    const up = runUp({ children, stopSignals, sharesTerminal: false, restartDelayMs: 10 }, io);
    await whenSaid(/pid [0-9]+\n/);
    const pid = /pid ([0-9]+)/.exec(out())?.[1];
    process.kill(Number(pid), "SIGKILL");
    await whenSaid(/pid [0-9]+\n[\s\S]*pid [0-9]+\n/);
    first.abort("SIGTERM");
    assert.equal(await up, 0);
    assert.match(err(), /^sluice up: serve was ended by SIGKILL; starting it again in 0\.01 s\n$/);
  });

  it("gives up on one that dies five times within a minute, and takes the other along", async () => {
    const { stopSignals } = signals();
    const { io, out, err } = captureIo();
    const children = [script("serve", POLITE), script("pipelines", "process.exit(3)")];
    const up = runUp({ children, stopSignals, sharesTerminal: false, restartDelayMs: 1 }, io);
    assert.equal(await up, 1);
    assert.equal(err().match(/pipelines ended with exit code 3/g)?.length, 5);
    assert.match(err(), /5 times within a minute, giving up/);
    assert.ok(!out().includes("ready") || out().includes("stopping"));
  });

  it("does not start anew what its configuration stopped", async () => {
    const { stopSignals } = signals();
    const { io, err } = captureIo();
    const children = [script("serve", POLITE), script("pipelines", "process.exit(2)")];
    const up = runUp({ children, stopSignals, sharesTerminal: false, restartDelayMs: 1 }, io);
    assert.equal(await up, 2);
    assert.equal(err(), "");
  });

  it("says when a program cannot be started", async () => {
    const { stopSignals } = signals();
    const { io, err } = captureIo();
    const children = [{ name: "serve", command: ["/nowhere/node"] as const }];
    const up = runUp({ children, stopSignals, sharesTerminal: false, restartDelayMs: 1 }, io);
    assert.equal(await up, 1);
    assert.match(err(), /serve cannot be started \(ENOENT\); starting it again/);
  });
});
