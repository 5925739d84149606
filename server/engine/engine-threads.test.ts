import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { engineThreads } from "./engine-threads.ts";

const BY_ENGINE = { engineThreads: 0, intraOpThreads: 0 };

describe("engineThreads", () => {
  for (const [cores, threads, inside] of [
    [1, 1, 1],
    [2, 1, 2],
    [4, 1, 4],
    [16, 4, 4],
    [64, 8, 8],
  ] as const) {
    it(`native on ${cores} cores: ${threads} of ${inside}`, () => {
      assert.deepEqual(engineThreads(BY_ENGINE, "native", cores), {
        engineThreads: threads,
        intraOpThreads: inside,
      });
    });
  }

  it("portable: one thread, which holds the weights once", () => {
    const { engineThreads: threads } = engineThreads(BY_ENGINE, "portable", 16);
    assert.equal(threads, 1);
  });

  it("takes what is set, and divides the cores by it", () => {
    assert.deepEqual(engineThreads({ ...BY_ENGINE, engineThreads: 3 }, "native", 16), {
      engineThreads: 3,
      intraOpThreads: 5,
    });
    const set = { engineThreads: 8, intraOpThreads: 2 };
    assert.deepEqual(engineThreads(set, "portable", 4), set);
  });
});
