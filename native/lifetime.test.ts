import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { needs } from "../server/testing/skip.ts";
import {
  intAttribute,
  intsAttribute,
  mlpModel,
  modelOf,
  node,
  scaleModel,
  slowModel,
  value,
} from "../server/testing/tiny-models.ts";
import { AddonBench } from "./testing/addon-bench.ts";
import type { Ending } from "./testing/ending-process.ts";

/** Not imported: its module runs. */
const CODE = 7;
const ENDING_PROCESS = new URL("./testing/ending-process.js", import.meta.url).pathname;
/** Far above what it takes: a sanitized process on a busy machine is slow. */
const TIMEOUT_MS = 300_000;
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
/** An allocator that checks keeps what was freed for a while, to see who touches it. */
const SANITIZED = {
  skip: process.env["SLUICE_TEST_SANITIZED"] === "1" && "the allocator is another",
};

/** @returns exit code or signal, and what it wrote to standard error */
async function end(modelPath: string, how: Ending, times: number): Promise<string> {
  try {
    const args = [ENDING_PROCESS, modelPath, how, String(times)];
    const { stderr } = await promisify(execFile)(process.execPath, args, { timeout: TIMEOUT_MS });
    return `0 ${stderr}`;
  } catch (thrown) {
    const { code, signal, stderr } = thrown as { code: number; signal: string; stderr: string };
    return `${signal ?? code} ${stderr}`;
  }
}

describe("the addon: ends", needs("compiler"), () => {
  let bench: AddonBench;
  let slowPath = "";
  before(() => {
    bench = new AddonBench();
    slowPath = bench.write(slowModel(60));
  });
  after(() => bench.end());

  it("is ended with its thread 50 times, running and inside a run", async () => {
    assert.equal(await end(slowPath, "terminate", 50), `${CODE} `);
  });

  // The stack of both jobs is read where it was gathered; the rows that do not come out make the
  // engine read each job again, whose thread has ended meanwhile.
  it("reads no memory of a thread that ended during a batch that is tried again", async () => {
    const path = bench.write(slowMeanModel());
    const addonBench = new URL("./testing/addon-bench.js", import.meta.url).href;
    const inWorker = `
      const { requireAddon } = await import(${JSON.stringify(addonBench)});
      const { parentPort, workerData } = await import("node:worker_threads");
      const addon = requireAddon();
      const line = addon.connect(workerData, () => {}, new Float64Array(2));
      const data = () => [new Float32Array(1 << 22)];
      for (const id of [1, 2]) addon.submit(line, id, data(), [[1 << 20, 4]], [0], Infinity, 2);
      parentPort.postMessage("submitted");
      setInterval(() => {}, 1000);`;
    const script = `
      const { requireAddon } = await import(${JSON.stringify(addonBench)});
      const { Worker } = await import("node:worker_threads");
      const { once } = await import("node:events");
      const addon = requireAddon();
      const session = await addon.openSession({ modelPath: ${JSON.stringify(path)}, intraOpThreads: 1, engineThreads: 1, maxBatchRows: 1 << 24 });
      let heard = () => {};
      const line = addon.connect(session, (answers) => heard(answers), new Float64Array(2));
      const ask = (rows) => new Promise((resolve) => {
        heard = ([answer]) => resolve(answer.status);
        addon.submit(line, 0, [new Float32Array(rows * 4)], [[rows, 4]], [0], Infinity, 2);
      });
      // The worker's jobs wait for this one, and then are stacked.
      const busy = ask(1 << 19);
      const code = ${JSON.stringify(inWorker)};
      const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(code)), { workerData: session });
      await once(worker, "message");
      const before = process.memoryUsage.rss();
      await busy;
      // Both jobs are gathered, and the run writes on: 16 MiB each, and as much for its first output.
      const immediate = () => new Promise(setImmediate);
      while (process.memoryUsage.rss() < before + (48 << 20)) await immediate();
      await worker.terminate();
      console.log(await ask(1));
      addon.disconnect(line);
      await addon.closeSession(session, 0);`;
    const args = ["--input-type=module", "--eval", script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: TIMEOUT_MS });
    assert.equal(stdout, "done\n");
  });

  for (const how of ["exit-submit", "exit-worker", "exit-run-now", "return"] as const) {
    it(`lets the process end with its own code: ${how}`, async () => {
      for (let time = 0; time < 3; time += 1) assert.equal(await end(slowPath, how, 1), `${CODE} `);
    });
  }

  it("lets the process end during a load, at any moment of it", async () => {
    for (const delayMs of [0, 1, 5, 20, 40]) {
      assert.equal(await end(slowPath, "exit-load", delayMs), `${CODE} `);
    }
  });

  it("works beside onnxruntime-node in one process, whichever came first", async () => {
    const model = bench.write(scaleModel(2));
    const script = (order: readonly string[]) => `
      const { requireAddon } = await import(${JSON.stringify(new URL("./testing/addon-bench.js", import.meta.url).href)});
      const addon = requireAddon();
      const path = ${JSON.stringify(model)};
      const steps = {
        async addon() {
          const session = await addon.openSession({ modelPath: path, intraOpThreads: 2, engineThreads: 1, maxBatchRows: 0 });
          const line = addon.connect(session, () => {}, new Float64Array(2));
          const [{ data }] = addon.runNow(line, [Float32Array.of(1, 2, 3, 4)], [[1, 4]], [0]);
          addon.disconnect(line);
          await addon.closeSession(session, 0);
          return data.join();
        },
        async binding() {
          const { InferenceSession, Tensor } = (await import("onnxruntime-node")).default;
          const session = await InferenceSession.create(path);
          const { y } = await session.run({ x: new Tensor("float32", [1, 2, 3, 4], [1, 4]) });
          await session.release();
          return y.data.join();
        },
      };
      for (const step of ${JSON.stringify(order)}) console.log(await steps[step]());`;
    for (const order of [
      ["addon", "binding", "addon"],
      ["binding", "addon", "binding"],
    ]) {
      const args = ["--input-type=module", "--eval", script(order)];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: TIMEOUT_MS });
      assert.equal(stdout, "2,4,6,8\n2,4,6,8\n2,4,6,8\n");
    }
  });

  it("gives a closed session's memory back", SANITIZED, async () => {
    const path = bench.write(mlpModel({ inputs: 64, hidden: [512, 512], outputs: 8, seed: 1 }));
    const cycle = async () => {
      const session = await bench.addon.openSession({
        modelPath: path,
        intraOpThreads: 1,
        engineThreads: 1,
        maxBatchRows: 8,
      });
      const { ask, line } = bench.connect(session);
      bench.addon.runNow(line, [new Float32Array(64)], [[1, 64]], [0]);
      await ask([new Float32Array(64)], [[1, 64]]);
      bench.addon.disconnect(line);
      await bench.addon.closeSession(session, 0);
    };
    /** The least that the process held without V8's heap, of readings in between so many loads. */
    const floor = async (loads: number) => {
      let least = Number.POSITIVE_INFINITY;
      for (let turn = 1; turn <= loads; turn += 1) {
        await cycle();
        if (turn % 10 > 0) continue;
        // A line's slab of outputs waits for the collector, by some hundred loads: that is not ours.
        collectGarbage();
        const { rss, heapTotal } = process.memoryUsage();
        least = Math.min(least, rss - heapTotal);
      }
      return least;
    };
    await floor(100);
    const before = await floor(100);
    await floor(200);
    const grownBytes = (await floor(100)) - before;
    // One model is 1.2 MB.
    assert.ok(grownBytes < 8e6, `grew by ${grownBytes} bytes in 300 loads`);
  });
});

/** One row whatever came: y is the mean of x over its rows, after some work on each. */
function slowMeanModel(): Uint8Array {
  const sines = Array.from({ length: 30 }, (_, i) =>
    node("Sin", [i === 0 ? "x" : `h${i}`], [`h${i + 1}`]),
  );
  const mean = node(
    "ReduceMean",
    ["h30"],
    ["y"],
    [intsAttribute("axes", [0]), intAttribute("keepdims", 1)],
  );
  return modelOf({
    nodes: [...sines, mean],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["n", 4])],
  });
}
