import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { Job } from "../models/servable.ts";
import { ClientLab, firstOf, jobOf, MAX_ROWS, WIDTH } from "./testing/client-lab.ts";

describe("native client", () => {
  let lab: ClientLab;
  beforeEach(() => {
    lab = new ClientLab();
  });

  it("sends the first requests to the engine, cheap ones after that to this thread", async () => {
    for (let i = 0; i < 5; i += 1) assert.equal(firstOf(await lab.run(jobOf(i))), 2 * i);
    assert.deepEqual(
      lab.fake.runs.map((run) => run.kind),
      ["submitted", "submitted", "submitted", "now", "now"],
    );
    assert.equal(lab.runs.batches("engine", "alone"), 3);
    assert.equal(lab.runs.batches("inline", "alone"), 2);
  });

  it("sends everything to the engine after an overrun", async () => {
    await lab.prove();
    lab.fake.costUs = () => 500;
    await lab.run(jobOf(0));
    await lab.run(jobOf(0));
    assert.deepEqual(
      lab.fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });

  it("runs nothing here with a budget of 0", async () => {
    lab = new ClientLab(MAX_ROWS, 0);
    await lab.prove();
    await lab.run(jobOf(0));
    assert.deepEqual(lab.rowsRun("now"), []);
  });

  it("keeps classes of shapes apart, each with what it has learned", async () => {
    await lab.prove(WIDTH);
    await lab.run(jobOf(5, 1, 3));
    assert.deepEqual(lab.rowsRun("submitted"), [1]);
    await lab.prove(3);
    const jobs = [jobOf(1, 1, WIDTH), jobOf(2, 1, 3), jobOf(3, 1, WIDTH), jobOf(4, 1, 3)];
    lab.fake.costUs = () => 1;
    await lab.run(jobOf(0, 2, WIDTH));
    await lab.run(jobOf(0, 2, 3));
    const results = await Promise.all(jobs.map((job) => lab.run(job)));
    assert.deepEqual(results.map(firstOf), [2, 4, 6, 8]);
    assert.deepEqual(lab.rowsRun("now"), [2, 2, 2, 2]);
    assert.equal(lab.runs.batches("inline", "shape"), 1);
  });

  it("bounds a turn: what is beyond goes to the engine", async () => {
    lab = new ClientLab(null);
    await lab.prove();
    lab.fake.costUs = () => 150;
    await lab.run(jobOf(0));
    lab.forgetRuns();
    const jobs = Array.from({ length: 12 }, (_, i) => lab.run(jobOf(i)));
    assert.deepEqual(
      (await Promise.all(jobs)).map(firstOf),
      jobs.map((_, i) => 2 * i),
    );
    assert.equal(lab.rowsRun("now").length, 7);
    assert.equal(lab.rowsRun("submitted").length, 5);
  });

  it("bounds a turn: what costs less than handing it over waits for the next", async () => {
    lab = new ClientLab(null);
    await lab.prove();
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const jobs = Array.from({ length: 250 }, (_, i) => lab.run(jobOf(i)));
    assert.deepEqual(
      (await Promise.all(jobs)).map(firstOf),
      jobs.map((_, i) => 2 * i),
    );
    isDone = true;
    assert.equal(lab.rowsRun("now").length, 250);
    assert.ok(turns >= 3, `10 µs each and 1 ms a turn: ${turns} turns`);
  });

  it("answers a request whose deadline passed without a run", async () => {
    await lab.prove();
    for (const isInline of [true, false]) {
      if (!isInline) lab = new ClientLab(MAX_ROWS);
      const late = lab.run(jobOf(1, 1, WIDTH, 1));
      await assert.rejects(late, (e) => e instanceof InferError && e.code === "deadline-exceeded");
      assert.deepEqual(lab.fake.runs, []);
    }
  });

  it("finds an overload before the run, as the session predicts it", async () => {
    const inMs = (ms: number) => epochNowMs() + ms;
    assert.equal(lab.client.findOverload(inMs(100)), null);
    lab.fake.overloadMs = 70.2;
    const overload = lab.client.findOverload(inMs(100));
    assert.equal(overload?.code, "queue-full");
    const retryMs = overload?.retryAfterMs ?? 0;
    assert.ok(retryMs >= 71 && retryMs <= 107, `${retryMs} ms`);
    assert.match(
      overload?.message ?? "",
      /^model 'm' has work for about 71 ms before this request, too much for its deadline in (100|9\d) ms$/,
    );
    // Too late already, which `run` says.
    assert.equal(lab.client.findOverload(inMs(-1)), null);
    await assert.rejects(lab.run(jobOf(1, 1, WIDTH, inMs(-1))), { code: "deadline-exceeded" });
    // What runs on this thread waits for none of that.
    await lab.prove();
    assert.equal(lab.client.findOverload(inMs(100)), null);
  });

  it("bounds what waits by time, with no deadline or a far one", async () => {
    const far = epochNowMs() + 3_600_000;
    for (const deadline of [null, far]) {
      assert.equal(lab.client.findOverload(deadline), null);
      // Of which wait and run may take half: maxQueueMs.
      assert.equal(lab.fake.askedTimeoutMs, 2 * 10_000);
    }
    lab.fake.overloadMs = 11_000;
    for (const deadline of [null, far]) {
      const refusal = lab.client.findOverload(deadline);
      assert.equal(refusal?.code, "queue-full");
      assert.match(refusal?.message ?? "", /about 11000 ms .* more than 10000 ms \(maxQueueMs\)/);
      const retryMs = refusal?.retryAfterMs ?? 0;
      assert.ok(retryMs >= 5500 && retryMs <= 8250, `${retryMs} ms`);
    }
    await lab.prove();
    assert.equal(lab.client.findOverload(null), null);
  });

  it("tells refusals of the engine's threads in the same words", async () => {
    lab.fake.refuses = 7;
    await assert.rejects(lab.run(jobOf(7)), {
      code: "invalid-argument",
      message: "the model's graph refused the request: a value is out of range",
    });
  });

  it("tells what would wait too long how long, and when to try again", async () => {
    lab = new ClientLab(MAX_ROWS, 200, (jobId, answer) => {
      const times = { queueMs: 120.4, computeMs: 0, batchRows: 0 };
      const refusal = { jobId, status: "overloaded", message: "words of the addon" } as const;
      answer([{ ...refusal, ...times, outputs: [] }]);
    });
    await assert.rejects(lab.run(jobOf(1, 1, WIDTH, epochNowMs() + 200)), (thrown) => {
      assert.ok(thrown instanceof InferError);
      assert.equal(thrown.code, "queue-full");
      const retryMs = thrown.retryAfterMs ?? 0;
      assert.ok(retryMs >= 121 && retryMs <= 182, `${retryMs} ms`);
      assert.match(
        thrown.message,
        /^model 'm' has work for about 121 ms before this request, too much for its deadline in \d+ ms$/,
      );
      return true;
    });
  });

  it("does not show a fault of ours to a client", async () => {
    await lab.prove();
    const addon = lab.fake.addon as { runNow: unknown };
    addon.runNow = () => {
      throw new TypeError("line is not a line");
    };
    await assert.rejects(lab.run(jobOf(1)), TypeError);
  });

  it("sends what outlasts its limit here to the engine, and its class for long", async () => {
    await lab.prove();
    lab.fake.costUs = (rows) => (rows === 1 ? 1e9 : 10);
    assert.equal(firstOf(await lab.run(jobOf(21))), 42);
    assert.deepEqual(
      lab.fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });

  it("learns nothing from a call that ran nothing", async () => {
    await lab.prove();
    lab.fake.costUs = () => 150;
    for (let i = 0; i < 100; i += 1) await lab.run(jobOf(1));
    const { runNow } = lab.fake.addon;
    const addon = lab.fake.addon as { runNow: unknown };
    addon.runNow = () => {
      throw new Error("the session was closed");
    };
    for (let i = 0; i < 200; i += 1) await assert.rejects(lab.run(jobOf(1)));
    addon.runNow = runNow;
    lab.fake.costUs = () => 190;
    lab.forgetRuns();
    // By zeros learned, two rows would be cheap.
    await lab.run(jobOf(1, 2));
    assert.deepEqual(lab.rowsRun("submitted"), [2]);
  });

  it("learns the cost of runs that the graph refused", async () => {
    await lab.prove();
    lab.fake.refuses = 7;
    lab.fake.costUs = () => 5000;
    await assert.rejects(lab.run(jobOf(7)));
    await assert.rejects(lab.run(jobOf(7)));
    assert.deepEqual(
      lab.fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });

  it("lets no class of shapes wait for ever behind another", async () => {
    lab = new ClientLab(null);
    lab.fake.costUs = () => 18;
    await lab.prove(WIDTH, 1);
    await lab.prove(2, 1);
    let isDone = false;
    const busy: Promise<unknown>[] = [];
    for (let i = 0; i < 200; i += 1) busy.push(lab.run(jobOf(1)));
    void lab.run(jobOf(1, 1, 2)).then(() => {
      isDone = true;
    });
    // 1 ms of runs a turn: the first class alone takes several.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.ok(isDone);
    await Promise.all(busy);
    assert.equal(lab.fake.runs.length, 201);
  });

  it("gives back what still waits when it is closed", async () => {
    await lab.prove();
    const waiting = lab.run(jobOf(1));
    const submitted = lab.run(jobOf(1, 1, 77));
    lab.client.close();
    for (const each of [waiting, submitted]) {
      await assert.rejects(each, (e) => e instanceof InferError && e.code === "unavailable");
    }
  });

  it("counts the engine's runs that were refused, too", async () => {
    lab.fake.refuses = 7;
    await assert.rejects(lab.run(jobOf(7)));
    assert.equal(lab.runs.batches("engine", "alone"), 1);
  });

  it("takes the largest dimension 0 as the cost where inputs do not agree on rows", async () => {
    lab = new ClientLab(null);
    const odd = (rows: number): Job => {
      const [x] = jobOf(1, rows).inputs as [Tensor];
      const state: Tensor = { ...x, name: "h", shape: [2, 2], data: new Float32Array(4) };
      return { inputs: [state, x], outputs: ["y"], deadlineEpochMs: null, priority: 2 };
    };
    for (let i = 0; i < 3; i += 1) await lab.run(odd(2));
    lab.forgetRuns();
    await lab.run(odd(2));
    await lab.run(odd(1000));
    assert.deepEqual(
      lab.fake.runs.map((run) => run.kind),
      ["now", "submitted"],
    );
  });
});
