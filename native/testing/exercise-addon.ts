/**
 * One pass over everything that the addon does, in a second or so: for valgrind (.ci/native), under
 * which the tests would take hours. Throws when an answer is wrong.
 */
import assert from "node:assert/strict";
import {
  identityModel,
  mlpModel,
  scaleModel,
  slowModel,
  stateModel,
} from "../../server/testing/tiny-models.ts";
import { AddonBench } from "./addon-bench.ts";

const bench = new AddonBench();
const { addon } = bench;

const mlp = await bench.open(mlpModel({ inputs: 4, hidden: [8], outputs: 2, seed: 1 }), {
  intraOpThreads: 2,
});
for (const rows of [1, 3, 5000]) {
  const [output] = addon.runNow(mlp.line, [new Float32Array(rows * 4)], [[rows, 4]], [0]);
  assert.deepEqual(output?.shape, [rows, 2]);
}
const jobs = [1, 2, 3].map((fill) => new Float32Array(4).fill(fill));
assert.equal(addon.runNow(mlp.line, jobs, [[3, 4]], [0]).length, 1);
assert.throws(() => addon.runNow(mlp.line, [new Float32Array(5)], [[1, 5]], [0]), /invalid/);
assert.throws(() => addon.runNow(mlp.line, [new Float64Array(4)], [[1, 4]], [0]), TypeError);

const texts = await bench.open(identityModel("BYTES"), { maxBatchRows: 8 });
const words = [["a", "\0b", ""]];
assert.deepEqual(addon.runNow(texts.line, words, [[1, 3]], [0])[0]?.data, words[0]);
const state = await bench.open(stateModel());
const stateInputs = [Float32Array.of(1, 3), new Float32Array(256), BigInt64Array.of(8n)];
assert.equal((await state.ask(stateInputs, [[1, 2], [2, 1, 128], []])).status, "done");

const scale = await bench.open(scaleModel(2), { engineThreads: 2, maxBatchRows: 16 });
const asked = Array.from({ length: 40 }, (_, index) => {
  const rows = index % 8 === 0 ? 2000 : 1;
  return scale.ask([new Float32Array(rows * 4).fill(index)], [[rows, 4]]);
});
asked.push(texts.ask(words, [[1, 3]]), texts.ask(words, [[1, 3]]));
for (const answer of await Promise.all(asked)) assert.equal(answer.status, "done");
assert.equal((await scale.ask([new Float32Array(4)], [[1, 4]], 0)).status, "deadline-exceeded");
assert.equal((await scale.ask([new Float32Array(5)], [[1, 5]])).status, "refused");

const endless = await bench.open(slowModel(1e6));
const ended = await endless.ask([new Float32Array(4)], [[1, 4]], 100);
assert.equal(ended.status, "deadline-exceeded");
assert.equal(addon.predictOverload(endless.line, 100), 0);
const closed = endless.ask([new Float32Array(4)], [[1, 4]]);
await addon.closeSession(endless.session, 10);
assert.equal((await closed).status, "closed");

const out = new Float32Array(3);
const text = new TextEncoder().encode("[1,2.5,-3e2]");
assert.ok(addon.scanNumbers(text, 0, text.length, [3], out));
assert.deepEqual(out, Float32Array.of(1, 2.5, -300));
assert.ok(addon.writeNumbers(out, new Uint8Array(64)) > 0);
await bench.end();
