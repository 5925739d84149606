import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DATATYPES, type Datatype } from "../../../protocols/core/datatype.ts";
import { InferError } from "../../../protocols/core/status.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { epochNowMs } from "../../lib/epoch-clock.ts";
import { BATCH_CLOSES, type Loader, PLACEMENTS } from "../../models/loader.ts";
import {
  floats as constant,
  identityModel,
  modelOf,
  node,
  scaleModel,
  slowModel,
  value,
} from "../../testing/tiny-models.ts";
import { connectServable, type EngineChannel } from "../connect.ts";
import {
  closeOpened,
  floats,
  jobOf,
  type LoadShape,
  MAX_BATCH_ROWS,
  type Opened,
  openModel,
  row,
  slowJob,
} from "./opened-model.ts";
import { sampleOf } from "./sample-tensors.ts";

/**
 * What every engine must do, told through the interfaces of models/loader.ts and the channel. Run it
 * for each engine; `refused` names the datatypes that an engine cannot carry, with the error it gives for them.
 */
export function engineContract(
  name: string,
  createEngine: () => Loader<EngineChannel>,
  refused: ReadonlyMap<Datatype, RegExp>,
): void {
  describe(`engine contract: ${name}`, () => {
    let folder = "";
    const open: Opened[] = [];
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "sluice-engine-"));
    });
    after(async () => {
      for (const opened of open) await closeOpened(opened);
      rmSync(folder, { recursive: true, force: true });
    });
    const load = async (bytes: Uint8Array, options: Partial<LoadShape> = {}) => {
      const opened = await openModel(createEngine(), folder, bytes, options);
      open.push(opened);
      return opened;
    };

    for (const [datatype, error] of refused) {
      it(`refuses ${datatype} with an error that names it`, async () => {
        await assert.rejects(load(identityModel(datatype)), error);
      });
    }

    for (const datatype of DATATYPES.filter((each) => !refused.has(each))) {
      it(`carries ${datatype} through unchanged`, async () => {
        const { client } = await load(identityModel(datatype));
        const x = sampleOf(datatype);
        const { outputs } = await client.run(jobOf([x]));
        assert.deepEqual(outputs, [{ ...x, name: "y", data: sampleOf(datatype).data }]);
      });
    }

    it("warms up with stacks of rows; a size that the graph refuses fails no version", async () => {
      // Adds two rows: a single one is stretched to them, four are refused.
      const twoRows = modelOf({
        nodes: [node("Add", ["x", "rows"], ["y"])],
        initializers: [constant("rows", [2, 4], [1, 1, 1, 1, 2, 2, 2, 2])],
        inputs: [value("x", "FP32", ["batch", 4])],
        outputs: [value("y", "FP32", ["rows", 4])],
      });
      const { client } = await load(twoRows, { isBatchable: true, sampleMs: 1 });
      const { outputs } = await client.run(jobOf([row(1)]));
      assert.deepEqual(floatsOf(outputs[0]), [2, 2, 2, 2, 3, 3, 3, 3]);
      const refusing = modelOf({
        nodes: [node("Add", ["x", "rows"], ["y"])],
        initializers: [constant("rows", [3, 4], new Array<number>(12).fill(1))],
        inputs: [value("x", "FP32", [2, 4])],
        outputs: [value("y", "FP32", ["rows", 4])],
      });
      await assert.rejects(load(refusing, { sampleMs: 1 }));
    });

    it("answers many requests at once, each its own", async () => {
      const { client } = await load(scaleModel(2), { isBatchable: true });
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => client.run(jobOf([row(i)]))),
      );
      for (const [i, { outputs }] of answers.entries()) {
        assert.deepEqual(floatsOf(outputs[0]), [2 * i, 2 * i, 2 * i, 2 * i]);
      }
    });

    it("stacks what waits into one run where rows may be stacked", async () => {
      const { client } = await load(scaleModel(3), { isBatchable: true });
      // An engine thread may be as quick as this one: it is given something to do first.
      const busy = client.run(jobOf([floats("x", [500_000, 4])]));
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => client.run(jobOf([row(i)]))),
      );
      await busy;
      assert.ok(Math.max(...answers.map((a) => a.batchRows)) > 1);
      assert.ok(Math.max(...answers.map((a) => a.batchRows)) <= MAX_BATCH_ROWS);
    });

    it("runs requests one by one where rows may not be stacked", async () => {
      const { client } = await load(scaleModel(3), { isBatchable: false });
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => client.run(jobOf([row(i)]))),
      );
      assert.deepEqual([...new Set(answers.map((a) => a.batchRows))], [1]);
    });

    it("keeps different shapes apart", async () => {
      const { client } = await load(identityModel("FP32"), { isBatchable: true });
      const shapes = [1, 2, 1, 3, 2].map((rows) => [rows, 3]);
      const answers = await Promise.all(
        shapes.map((shape) => client.run(jobOf([floats("x", shape)]))),
      );
      assert.deepEqual(
        answers.map((a) => a.outputs[0]?.shape),
        shapes,
      );
    });

    it("does not share the memory of a view with its neighbours", async () => {
      const { client } = await load(scaleModel(1));
      const all = Float32Array.from([9, 9, 1, 2, 3, 4, 9, 9]);
      const x: Tensor = { name: "x", datatype: "FP32", shape: [1, 4], data: all.subarray(2, 6) };
      const { outputs } = await client.run(jobOf([x]));
      assert.deepEqual(floatsOf(outputs[0]), [1, 2, 3, 4]);
      assert.equal(all[0], 9);
    });

    it("gives each request of a batch memory of its own", async () => {
      const { client } = await load(scaleModel(1), { isBatchable: true });
      for (let round = 0; round < 6; round += 1) {
        const answers = await Promise.all(
          [1, 2, 3].map((value) => client.run(jobOf([row(value)]))),
        );
        const [first, ...others] = answers.map(({ outputs }) => outputs[0]?.data as Float32Array);
        first?.fill(99);
        const rest = others.map((data) => [...data]);
        assert.deepEqual(rest, [
          [2, 2, 2, 2],
          [3, 3, 3, 3],
        ]);
      }
    });

    it("keeps an answer as it was while others are computed", async () => {
      const { client } = await load(scaleModel(2), { isBatchable: true });
      const kept = await client.run(jobOf([row(21)]));
      for (let i = 0; i < 300; i += 1) await client.run(jobOf([row(i)]));
      assert.deepEqual(floatsOf(kept.outputs[0]), [42, 42, 42, 42]);
    });

    it("answers large outputs whole", async () => {
      const { client } = await load(scaleModel(2), { isBatchable: true });
      for (let round = 0; round < 6; round += 1) {
        const { outputs } = await client.run(jobOf([floats("x", [50_000, 4])]));
        const y = floatsOf(outputs[0]);
        assert.deepEqual([y.length, y[1], y[199_999]], [200_000, 2, 399_998]);
      }
    });

    it("fails a bad request alone, not what it was stacked with", async () => {
      const { client } = await load(lookupModel(), { isBatchable: true });
      // First on threads of the engine, then wherever it has learned to run them.
      for (let round = 0; round < 8; round += 1) {
        const outcomes = await Promise.allSettled(
          [0n, 1n, 7n, 3n].map((at) => client.run(jobOf([index(at)]))),
        );
        assert.deepEqual(
          outcomes.map((each) =>
            each.status === "fulfilled" ? floatsOf(each.value.outputs[0]) : each.status,
          ),
          [[10], [11], "rejected", [13]],
        );
        const { reason } = outcomes[2] as PromiseRejectedResult;
        assert.ok(reason instanceof InferError, String(reason));
        assert.equal(reason.code, "invalid-argument");
        assert.match(reason.message, /^the model's graph refused the request: .*out of.*7/);
      }
    });

    it("runs first what is due first", async () => {
      const { client } = await load(slowModel(15));
      const order: string[] = [];
      const settle = (name: string, deadlineInMs: number | null) => {
        const deadlineEpochMs = deadlineInMs === null ? null : epochNowMs() + deadlineInMs;
        const note = () => order.push(name);
        return client.run({ ...slowJob(client), deadlineEpochMs }).then(note, note);
      };
      const patient = Array.from({ length: 8 }, () => settle("patient", null));
      await Promise.all([...patient, settle("urgent", 240)]);
      assert.ok(order.indexOf("urgent") < order.lastIndexOf("patient"), order.join(" "));
    });

    it("runs first what is more urgent, and last what is least", async () => {
      const { client } = await load(slowModel(15));
      const order: number[] = [];
      const settle = async (priority: number) => {
        await client.run({ ...slowJob(client), priority });
        order.push(priority);
      };
      // The first ones are taken before the others come. Several threads may have a queue each.
      const first = new Array<number>(4).fill(2).map(settle);
      await Promise.all([...first, ...[5, 5, 5, 5, 2, 2, 1, 1, 1, 1].map(settle)]);
      const places = (priority: number) =>
        order.flatMap((each, place) => (each === priority ? [place] : []));
      const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
      assert.ok(sum(places(1)) < sum(places(5)) - 8, order.join(" "));
      assert.equal(order.at(-1), 5);
    });

    it("serves a second thread's channel after the first was closed", async () => {
      const opened = await openModel(createEngine(), folder, scaleModel(2), {});
      const second = connectServable(opened.client.info, opened.loaded.connect().channel);
      await opened.client.run(jobOf([row(1)]));
      opened.client.close();
      const { outputs } = await second.run(jobOf([row(4)]));
      assert.deepEqual(floatsOf(outputs[0]), [8, 8, 8, 8]);
      second.close();
      await opened.loaded.unload();
    });

    it("counts its batches, where they ran and why each closed", async () => {
      const { client, loaded } = await load(scaleModel(2), { isBatchable: true });
      const total = () =>
        PLACEMENTS.flatMap((placement) =>
          BATCH_CLOSES.map((closedBy) => loaded.batches(placement, closedBy)),
        ).reduce((sum, count) => sum + count, 0);
      for (let i = 1; i <= 10; i += 1) {
        await client.run(jobOf([row(i)]));
        assert.equal(total(), i);
      }
      await Promise.all(Array.from({ length: 200 }, (_, i) => client.run(jobOf([row(i)]))));
      assert.ok(total() >= 10 + 200 / MAX_BATCH_ROWS && total() <= 10 + 200, `${total()} batches`);
    });

    it("drops a request whose deadline passed, and answers the rest", async () => {
      const { client } = await load(slowModel(30));
      const late = client.run({ ...slowJob(client), deadlineEpochMs: 1 });
      const good = client.run(slowJob(client));
      await assert.rejects(late, (e) => e instanceof InferError && e.code === "deadline-exceeded");
      await good;
    });

    it("drops a waiting request that nobody waits for, and answers the rest", async () => {
      const { client, loaded } = await load(slowModel(30));
      const first = [client.run(slowJob(client)), client.run(slowJob(client))];
      const unwanted = slowJob(client);
      const dropped = client.run(unwanted);
      const last = client.run(slowJob(client));
      client.cancel(unwanted);
      await assert.rejects(dropped, (e) => e instanceof InferError && e.code === "cancelled");
      await Promise.all([...first, last]);
      // Of jobs that have ended nobody is told.
      client.cancel(unwanted);
      const runs = PLACEMENTS.flatMap((place) =>
        BATCH_CLOSES.map((by) => loaded.batches(place, by)),
      );
      assert.equal(
        runs.reduce((sum, count) => sum + count, 0),
        3,
      );
    });

    it("does not block the caller's thread while it computes", async () => {
      const { client } = await load(slowModel(60));
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      }, 2);
      const { computeMs } = await client.run(slowJob(client));
      clearInterval(timer);
      assert.ok(computeMs > 10, `the model is slow: ${computeMs} ms`);
      assert.ok(turns >= 2, `timers ran ${turns} times in ${computeMs} ms`);
    });

    it("carries strings with NUL unchanged or refuses them", async () => {
      const { client } = await load(identityModel("BYTES"));
      const x: Tensor = { name: "x", datatype: "BYTES", shape: [1, 3], data: ["a\0b", "", "c"] };
      const outcome = await client.run(jobOf([x])).then(
        ({ outputs }) => outputs[0]?.data,
        (thrown: unknown) => thrown,
      );
      if (outcome instanceof InferError) assert.equal(outcome.code, "unsupported");
      else assert.deepEqual(outcome, ["a\0b", "", "c"]);
    });

    it("says so when a file is no model, and frees what it took", async () => {
      const text = new TextEncoder().encode("no model at all");
      await assert.rejects(
        openModel(createEngine(), folder, text, { signature: { inputs: [], outputs: [] } }),
      );
    });

    it("unloads after the last channel closed, while requests were just answered", async () => {
      const opened = await openModel(createEngine(), folder, scaleModel(2), {});
      await opened.client.run(jobOf([row(1)]));
      await closeOpened(opened);
    });
  });
}

/** y = table[x], INT64 [batch] to FP32 [batch]; the table has four entries from 10. */
function lookupModel(): Uint8Array {
  return modelOf({
    nodes: [node("Gather", ["table", "x"], ["y"])],
    initializers: [constant("table", [4], [10, 11, 12, 13])],
    inputs: [value("x", "INT64", ["batch"])],
    outputs: [value("y", "FP32", ["batch"])],
  });
}

function index(at: bigint): Tensor {
  return { name: "x", datatype: "INT64", shape: [1], data: BigInt64Array.of(at) };
}

function floatsOf(tensor: Tensor | undefined): number[] {
  assert.ok(tensor?.data instanceof Float32Array);
  return [...tensor.data];
}
