import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { JobError } from "../jobs/job-error.ts";
import { runTrainerProcess } from "./run-trainer-process.ts";
import { createTrainKit, SOME_ROWS, type TrainKit } from "./testing/train-kit.ts";
import { train } from "./train.ts";
import { parseMetricLine } from "./trainer-output.ts";

/** The model is not looked into here; the sample is made by the engine beforehand. */
const GOOD = `
const { copyFileSync, writeFileSync } = require("node:fs");
const { ML_PREFIX, SM_MODEL_DIR, SM_OUTPUT_DATA_DIR } = process.env;
writeFileSync(SM_OUTPUT_DATA_DIR + "/env.json", JSON.stringify(process.env));
console.log(JSON.stringify({ metric: "loss", value: 0.5, step: 1 }));
console.log(JSON.stringify({ metric: "loss", value: 0.25, step: 2 }));
console.log("epoch done");
writeFileSync(SM_MODEL_DIR + "/model.json", "{}");
copyFileSync(ML_PREFIX + "/ready.parquet", SM_MODEL_DIR + "/sample.parquet");
`;

describe("command trainer", () => {
  let kit: TrainKit;
  beforeEach(async () => {
    kit = await createTrainKit();
    await kit.addFile(SOME_ROWS);
    await ready("SELECT x, town, n, 0.5 AS prediction");
  });
  afterEach(() => kit.close());

  const ready = (select: string) =>
    kit.query(`COPY (${select} FROM (${SOME_ROWS}) LIMIT 20) TO $ready.parquet (FORMAT parquet)`);
  const run = (script: string, timeoutSecs = 30, signal?: AbortSignal) => {
    const hyperparameters = { rounds: 10, objective: "binary:logistic", layers: [4, 2] };
    const trainer = { kind: "command" as const, name: "xgb", hyperparameters, timeoutSecs };
    const command = [process.execPath, "-e", script];
    const env = { PATH: "/usr/bin:/bin", SECRET: "s3cret" };
    const context = kit.context(signal === undefined ? { env } : { env, signal });
    return train(kit.spec({ trainer }, { command }), context);
  };
  const refuses = async (script: string, message: RegExp, timeoutSecs?: number) =>
    assert.rejects(run(script, timeoutSecs), (error) => {
      assert.ok(error instanceof JobError, String(error));
      assert.match(error.message, message);
      return true;
    });

  it("runs any program over SageMaker's layout", async () => {
    const result = await run(GOOD);
    assert.deepEqual(result.artifact, { kind: "xgboost", file: "model/model.json" });
    assert.deepEqual(result.metrics, { loss: 0.25 });
    assert.deepEqual(kit.metrics, [
      { key: "loss", value: 0.5, step: 1 },
      { key: "loss", value: 0.25, step: 2 },
    ]);
    assert.ok(kit.logged.some((line) => line.includes("epoch done")));
    const path = join(kit.folder, "input/config/hyperparameters.json");
    const params = { rounds: "10", objective: "binary:logistic", layers: "[4,2]" };
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), params);
    assert.deepEqual(result.params, params);
    const reference = await kit.query("DESCRIBE SELECT * FROM read_parquet($reference.parquet)");
    assert.deepEqual(
      reference.map((row) => row["column_name"]),
      ["x", "town", "n"],
    );
  });

  it("hands over no secret", async () => {
    await run(GOOD);
    const env = JSON.parse(readFileSync(join(kit.folder, "output/env.json"), "utf8"));
    const names = Object.keys(env).filter((name) => !name.startsWith("SM_"));
    assert.deepEqual(names.sort(), ["HOME", "LANG", "ML_PREFIX", "PATH"]);
    assert.equal(env.ML_PREFIX, kit.folder);
    assert.equal(env.SM_CHANNEL_TRAIN, join(kit.folder, "input/data/train"));
    assert.equal(JSON.parse(env.SM_HPS).rounds, "10");
  });

  it("takes model.onnx before model.json", async () => {
    const script = `${GOOD} writeFileSync(SM_MODEL_DIR + "/model.onnx", "x");`;
    assert.equal((await run(script)).artifact.kind, "onnx");
  });

  it("names the setting when the program is not there", async () => {
    const trainer = { kind: "command" as const, name: "xgb", timeoutSecs: 5 };
    await assert.rejects(train(kit.spec({ trainer }), kit.context()), {
      name: "JobError",
      message: /the trainer 'xgb' in the setting trainerCommands/,
    });
    const spec = kit.spec({ trainer }, { command: ["/no/such/program"] });
    await assert.rejects(train(spec, kit.context()), {
      name: "JobError",
      message: /'\/no\/such\/program' could not be started/,
    });
  });

  it("says why the program failed, as far as it said so", async () => {
    const fail = `require("node:fs").writeFileSync(process.env.ML_PREFIX + "/output/failure", "no\\nlabels" + "x".repeat(9000)); process.exit(3)`;
    await refuses(fail, /^the trainer ended with exit code 3: no labelsx{1000,2000}$/);
  });

  it("falls back on standard error, and on silence", async () => {
    await refuses("console.error('boom'); process.exit(1)", /exit code 1: boom$/);
    await refuses("process.exit(1)", /exit code 1 and did not say why/);
    await refuses("process.kill(process.pid, 'SIGKILL')", /was ended by SIGKILL/);
  });

  it("wants a model and a whole sample", async () => {
    await refuses(
      "",
      /expected model\/model.onnx or model\/model.json from the trainer, found neither/,
    );
    const model = `require("node:fs").writeFileSync(process.env.SM_MODEL_DIR + "/model.json", "{}");`;
    await refuses(model, /expected model\/sample.parquet .*found no such file/);
    const torn = `${model} require("node:fs").writeFileSync(process.env.SM_MODEL_DIR + "/sample.parquet", "PAR1");`;
    await refuses(torn, /expected a Parquet file of numbers at model\/sample.parquet/);
  });

  it("wants every feature and a finite answer in the sample", async () => {
    await ready("SELECT x, n, 0.5 AS prediction");
    await refuses(GOOD, /found none called town/);
    await ready("SELECT x, town, n");
    await refuses(GOOD, /found none called prediction/);
    await ready("SELECT x, town, n, CASE WHEN n = 0 THEN 'NaN'::DOUBLE ELSE 0.5 END AS prediction");
    await refuses(GOOD, /a finite 'prediction' in every row .*found 13 in 20 rows/);
    await ready("SELECT x, town, n, town AS prediction");
    await refuses(GOOD, /expected a Parquet file of numbers/);
  });

  it("ends a program that takes too long", async () => {
    await refuses("setInterval(() => {}, 1000)", /took longer than 0.3 s/, 0.3);
  });

  it("ends the program when the job is asked to stop", async () => {
    const controller = new AbortController();
    const started = join(kit.folder, "started");
    const script = `require("node:fs").writeFileSync("started", ""); setInterval(() => {}, 1000)`;
    const running = run(script, 30, controller.signal);
    while (!existsSync(started)) await setTimeout(20);
    controller.abort(new JobError("asked to stop", true));
    await assert.rejects(running, /asked to stop/);
  });

  it("kills the whole group, also what takes no notice of SIGTERM", async () => {
    const stubborn = `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);`;
    // Said by the grandchild once neither listens, however long the two took to start.
    const grandchild = `${stubborn} console.log(process.pid);`;
    const script = `${stubborn}
      const { spawn } = require("node:child_process");
      spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}], { stdio: "inherit" });`;
    const controller = new AbortController();
    const lines: string[] = [];
    const exit = runTrainerProcess({
      command: [process.execPath, "-e", script],
      folder: kit.folder,
      env: {},
      timeoutSecs: 60,
      graceMs: 200,
      signal: controller.signal,
      onLine: (_, line) => {
        lines.push(line);
        controller.abort(new JobError("asked to stop", true));
      },
    });
    await assert.rejects(exit, /asked to stop/);
    const pid = Number(lines[0]);
    assert.ok(pid > 0);
    await assertGone(pid);
  });

  it("goes when its job is killed outright", async () => {
    const stubborn = `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);`;
    const script = `${stubborn}
      const { spawn } = require("node:child_process");
      const child = spawn(process.execPath, ["-e", ${JSON.stringify(stubborn)}], { stdio: "inherit" });
      console.log(JSON.stringify([process.pid, child.pid]));`;
    const job = `import(${JSON.stringify(new URL("./run-trainer-process.js", import.meta.url).href)})
      .then(({ runTrainerProcess }) => runTrainerProcess({
        command: [process.execPath, "-e", ${JSON.stringify(script)}], folder: ".", env: {},
        timeoutSecs: 60, graceMs: 60_000, signal: new AbortController().signal,
        onLine: (stream, line) => process.stdout.write(line + "\\n") }));`;
    const child = spawn(process.execPath, ["-e", job], { cwd: kit.folder });
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const pids = JSON.parse(String(line)) as number[];
    assert.deepEqual(pids.map(isRunning), [true, true]);
    child.kill("SIGKILL");
    for (const pid of pids) await assertGone(pid);
  });
});

async function assertGone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (!isRunning(pid)) return;
    await setTimeout(20);
  }
  assert.fail(`process ${pid} still runs`);
}

/** A zombie, which nobody has waited for yet, does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("parseMetricLine", () => {
  it("takes metrics and nothing else", () => {
    const line = (value: unknown) => parseMetricLine(JSON.stringify(value));
    assert.deepEqual(line({ metric: "a", value: 1 }), { metric: "a", value: 1, step: null });
    assert.deepEqual(line({ metric: "a", value: 1, step: 3 }), { metric: "a", value: 1, step: 3 });
    for (const other of [
      { metric: "a" },
      { metric: 1, value: 1 },
      { metric: "", value: 1 },
      [],
      3,
    ]) {
      assert.equal(line(other), null);
    }
    assert.equal(parseMetricLine("{torn"), null);
    assert.equal(parseMetricLine("epoch 3"), null);
  });
});
