import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import { ClientLab, firstOf, jobOf, MAX_ROWS, WIDTH } from "./testing/client-lab.ts";

describe("batches of the native client", () => {
  let lab: ClientLab;
  beforeEach(() => {
    lab = new ClientLab();
  });

  it("makes one batch of what came in one turn, and gives each its rows", async () => {
    await lab.prove();
    lab.fake.costUs = (rows) => 10 + rows;
    await lab.run(jobOf(0, 4));
    const jobs = [jobOf(1, 1), jobOf(2, 3), jobOf(3, 2)];
    const results = await Promise.all(jobs.map((job) => lab.run(job)));
    assert.deepEqual(lab.rowsRun("now"), [4, 6]);
    assert.deepEqual(
      results.map(({ outputs }) => outputs[0]?.shape),
      [
        [1, WIDTH],
        [3, WIDTH],
        [2, WIDTH],
      ],
    );
    assert.deepEqual(results.map(firstOf), [2, 4, 6]);
    assert.deepEqual(
      results.map(({ batchRows }) => batchRows),
      [6, 6, 6],
    );
    assert.equal(lab.runs.batches("inline", "all-waiting"), 1);
  });

  it("closes a batch at maxBatchRows", async () => {
    await lab.prove();
    await lab.run(jobOf(0, 4));
    const jobs = Array.from({ length: 20 }, (_, i) => lab.run(jobOf(i)));
    assert.deepEqual(
      (await Promise.all(jobs)).map(firstOf),
      jobs.map((_, i) => 2 * i),
    );
    assert.deepEqual(lab.rowsRun("now"), [4, 8, 8, 4]);
    assert.equal(lab.runs.batches("inline", "rows-full"), 2);
  });

  it("closes a batch where it would pass the budget", async () => {
    await lab.prove();
    lab.fake.costUs = (rows) => 60 * rows;
    for (const rows of [1, 2, 3, 2, 3, 1, 3, 2, 3]) await lab.run(jobOf(0, rows));
    lab.forgetRuns();
    await Promise.all(Array.from({ length: 6 }, (_, i) => lab.run(jobOf(i))));
    assert.deepEqual(lab.rowsRun("now"), [3, 3]);
    assert.equal(lab.runs.batches("inline", "budget"), 1);
  });

  it("sends a batch that is predicted to be dear to the engine", async () => {
    await lab.prove();
    lab.fake.costUs = (rows) => 60 * rows;
    await lab.run(jobOf(0));
    await lab.run(jobOf(0, 8));
    assert.deepEqual(lab.rowsRun("now"), [1]);
    assert.deepEqual(lab.rowsRun("submitted"), [8]);
  });

  it("runs a refused batch again one by one: a bad request fails alone", async () => {
    await lab.prove();
    await lab.run(jobOf(0, 8));
    lab.fake.refuses = 3;
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((value) => lab.run(jobOf(value))));
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "fulfilled", "rejected", "fulfilled"],
    );
    const { reason } = outcomes[2] as PromiseRejectedResult;
    assert.ok(reason instanceof InferError);
    assert.equal(reason.code, "invalid-argument");
    assert.equal(reason.message, "the model's graph refused the request: a value is out of range");
  });

  it("stops stacking when an output has lost rows", async () => {
    await lab.prove();
    await lab.run(jobOf(0, 8));
    lab.fake.lostRows = 1;
    await Promise.all([1, 2, 3].map((value) => lab.run(jobOf(value, 2))));
    assert.deepEqual(lab.rowsRun("now"), [8, 6, 2, 2, 2]);
    assert.equal(lab.runs.batches("inline", "not-batchable"), 3);
  });

  it("rejects an expired request in the midst of a batch, and answers its neighbours", async () => {
    await lab.prove();
    const jobs = [jobOf(1), jobOf(2, 1, WIDTH, 1), jobOf(3)].map((job) => lab.run(job));
    const outcomes = await Promise.allSettled(jobs);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
  });

  it("stacks no more once the rows of a stack did not come out", async () => {
    await lab.prove();
    lab.fake.lostRows = 1;
    const first = [jobOf(1, 2), jobOf(2, 2)].map((job) => lab.run(job));
    await Promise.all(first);
    const later = [jobOf(3, 2), jobOf(4, 2)].map((job) => lab.run(job));
    await Promise.all(later);
    assert.deepEqual(lab.rowsRun("now"), [4, 2, 2, 2, 2]);
  });

  it("stacks nothing with a request without rows", async () => {
    await lab.prove();
    const jobs = [jobOf(1), jobOf(2, 0), jobOf(3)].map((job) => lab.run(job));
    const answers = await Promise.all(jobs);
    assert.deepEqual(lab.rowsRun("now"), [1, 0, 1]);
    assert.deepEqual(
      answers.map(({ batchRows }) => batchRows),
      [1, 1, 1],
    );
  });

  it("learns from an engine's batch as a whole, and counts it once", async () => {
    lab = new ClientLab(MAX_ROWS, 200, (jobId, answer) => {
      const times = { queueMs: 0, computeMs: 0.15, batchRows: 4 };
      const outputs = [{ data: new Float32Array(WIDTH), shape: [1, WIDTH] }];
      answer([{ jobId, status: "done", message: null, ...times, outputs }]);
    });
    await Promise.all([1, 2, 3, 4].map((value) => lab.run(jobOf(value))));
    assert.equal(lab.runs.batches("engine", "all-waiting"), 1);
    // 150 µs are the price of four rows, not of one.
    await lab.run(jobOf(0, 3));
    assert.deepEqual(lab.rowsRun("now"), [3]);
  });

  it("hands out views, not copies, of a stacked output", async () => {
    await lab.prove();
    await lab.run(jobOf(0, 4));
    const [a, b] = await Promise.all([lab.run(jobOf(1)), lab.run(jobOf(2))]);
    const [left, right] = [a, b].map(({ outputs }) => outputs[0]?.data as Float32Array);
    assert.equal(left?.buffer, right?.buffer);
    left?.fill(9);
    assert.deepEqual([...(right as Float32Array)], [4, 4, 4, 4]);
  });
});
