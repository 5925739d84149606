import assert from "node:assert/strict";
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { buildLoadGenerator } from "../native/build-load-generator.ts";
import { FrameCutter, type FrameReader, FrameWriter } from "./native-frames.ts";
import { ANSWER_BYTES, encodePlan } from "./native-plan.ts";
import { loadPlanOf } from "./testing/load-plan-of.ts";
import { againstRaw } from "./testing/native-load.ts";
import { rawAnswer, startRawServer } from "./testing/raw-server.ts";

const { file, reason } = await buildLoadGenerator();
const skip = reason ?? false;

const TICKS_PER_SEC = 100;
/** Of `/proc/PID/stat`, counted after the name in brackets. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** The process, and the frames that it sends. */
class Wire {
  readonly process: ChildProcess;
  readonly #frames: FrameReader[] = [];
  readonly #ended: Promise<unknown>;

  constructor(stdio: StdioOptions = ["pipe", "pipe", "inherit"]) {
    const cutter = new FrameCutter();
    this.process = spawn(file ?? "", [], { stdio, env: {} });
    this.process.stdin?.on("error", () => undefined);
    this.process.stdout?.on("data", (chunk: Buffer) => {
      this.#frames.push(...cutter.push(chunk));
      this.process.emit("frames");
    });
    this.#ended = once(this.process, "close");
  }

  send(frame: FrameWriter): void {
    this.process.stdin?.write(Buffer.concat(frame.parts()));
  }

  /** The next frame, which must be of that kind. */
  async next(kind: string): Promise<FrameReader> {
    while (this.#frames.length === 0) await once(this.process, "frames");
    const frame = this.#frames.shift();
    assert.equal(frame?.kind, kind);
    return frame as FrameReader;
  }

  /** CPU time since it began. */
  readCpuMs(): number {
    const line = readFileSync(`/proc/${this.process.pid}/stat`, "latin1");
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME]);
    return (ticks * 1000) / TICKS_PER_SEC;
  }

  async ended(): Promise<number | null> {
    await this.#ended;
    return this.process.exitCode;
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.#ended;
  }
}

function verdictOf(answer: FrameReader): FrameWriter {
  return new FrameWriter("V").u32(answer.u32()).u8(1).text("").text("");
}

describe("what it waits for costs nothing", { skip }, () => {
  test("a last answer after the schedule, beside a connection that is free", async () => {
    const answers: Parameters<typeof againstRaw>[0] = (socket, n) => {
      // The last of 10; two opened the connections.
      if (n === 11) void setTimeout(600).then(() => socket.write(rawAnswer()));
      else socket.write(rawAnswer());
    };
    const shape = { ratePerSec: 100, durationMs: 100 };
    const result = await againstRaw(answers, { connections: 2, shape });
    assert.equal(result.requests, 10);
    const cpuMs = ((result.generatorCpuUsPerAnswer ?? 0) * 10) / 1000;
    assert.ok(cpuMs > 0 && cpuMs < 150, `${cpuMs} ms of CPU in 600 ms of waiting`);
  });

  test("a verdict", async () => {
    const server = await startRawServer((socket) => socket.write(rawAnswer()));
    const plan = loadPlanOf(server.url, {
      connections: 1,
      shape: { ratePerSec: 100, durationMs: 50 },
    });
    const wire = new Wire();
    try {
      wire.send(encodePlan({ ...plan, inputs: plan.inputs.slice(0, 2) }, ANSWER_BYTES));
      wire.send(verdictOf(await wire.next("A")));
      await wire.next("R");
      wire.send(new FrameWriter("G"));
      const answer = await wire.next("A");
      await setTimeout(100);
      const before = wire.readCpuMs();
      await setTimeout(500);
      const cpuMs = wire.readCpuMs() - before;
      assert.ok(cpuMs < 150, `${cpuMs} ms of CPU in 500 ms of waiting`);
      wire.send(verdictOf(answer));
      await wire.next("D");
      assert.equal(await wire.ended(), 0);
    } finally {
      await wire.kill();
      await server.close();
    }
  });
});

describe("what it knows of itself", { skip }, () => {
  test("waiting for exact starts is no work", async () => {
    const shape = { ratePerSec: 200, durationMs: 500 };
    const result = await againstRaw((socket) => socket.write(rawAnswer()), { shape });
    const { generatorUtilization: share } = result;
    // Nearly 0; on a machine so busy that it is asleep in between, still not nearly all.
    assert.ok(share > 0 && share < 0.5, `${share}`);
  });
});

describe("what it refuses in words", { skip }, () => {
  test("a plan of more than 2 GiB", async () => {
    const wire = new Wire();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(2 ** 31 + 1);
    wire.process.stdin?.write(length);
    const refusal = await wire.next("F");
    refusal.u32();
    assert.equal(refusal.text(), "expected a plan of 1 byte to 2 GiB, got 2147483649 bytes");
    assert.equal(await wire.ended(), 1);
  });

  test("an input that it cannot wait for", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-generator-"));
    const path = join(folder, "plan");
    const plan = encodePlan(loadPlanOf("http://127.0.0.1:1", {}), ANSWER_BYTES);
    writeFileSync(path, Buffer.concat(plan.parts()));
    const input = openSync(path, "r");
    try {
      const wire = new Wire([input, "pipe", "inherit"]);
      const refusal = await wire.next("F");
      refusal.u32();
      assert.match(refusal.text(), /^epoll_ctl: /);
      assert.equal(await wire.ended(), 1);
    } finally {
      closeSync(input);
      rmSync(folder, { recursive: true });
    }
  });
});
