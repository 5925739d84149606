import assert from "node:assert/strict";
import { test } from "node:test";
import { describeNoise, isQuietEnough, judgeNoise } from "./noise.ts";

const QUIET = { otherCores: 0.1, stolenCores: 0.01, slowdown: 1.1 };

test("other work, stolen time or a slower processor each make a moment noisy", () => {
  assert.equal(judgeNoise(QUIET).isNoisy, false);
  assert.equal(judgeNoise({ ...QUIET, otherCores: 0.2 }).isNoisy, true);
  assert.equal(judgeNoise({ ...QUIET, stolenCores: 0.06 }).isNoisy, true);
  assert.equal(judgeNoise({ ...QUIET, slowdown: 1.3 }).isNoisy, true);
  assert.match(describeNoise(judgeNoise(QUIET)), /0\.10 cores, stolen 0\.01 cores.* 1\.10x/);
});

test("a third of the pairs may be disturbed", () => {
  assert.deepEqual(
    [isQuietEnough(1, 0), isQuietEnough(1, 1), isQuietEnough(3, 1), isQuietEnough(5, 2)],
    [true, false, true, false],
  );
});
