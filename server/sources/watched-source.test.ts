import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Source, WantedSet } from "../models/source.ts";
import { CacheMeter } from "./cache-meter.ts";
import { ReadError } from "./repository-reader.ts";
import { WatchedSource } from "./watched-source.ts";

const EMPTY: WantedSet = { generation: 1, models: new Map(), removed: new Set() };
const NONE = new CacheMeter(
  async () => [],
  () => 0,
  1,
);

/** A source whose polls end as told, at 1000 ms. */
function watchPolls(outcomes: (WantedSet | null | Error)[]) {
  const inner: Source = {
    description: "fake",
    poll: async () => {
      const outcome = outcomes.shift() ?? null;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    lastKnown: async () => null,
    fetch: async () => {
      throw new ReadError("changed", "model.onnx", "is another file now");
    },
    watch: () => () => undefined,
  };
  return new WatchedSource(inner, NONE, () => 1000);
}

const open = new AbortController().signal;

describe("a watched source", () => {
  it("counts failures by kind and in a row, and hands on what came", async () => {
    const missing = new ReadError("missing", "index.json", "is not there");
    const source = watchPolls([EMPTY, missing, missing, new Error("expected sha256 a, got b")]);
    const health = source.healthOf("index");
    assert.equal(health.lastSuccessMs, null);
    assert.equal(await source.poll(open), EMPTY);
    assert.equal(health.lastSuccessMs, 1000);
    for (let i = 0; i < 3; i += 1) await assert.rejects(source.poll(open));
    assert.equal(health.failuresInARow, 3);
    assert.equal(health.failures("missing"), 2);
    assert.equal(health.failures("refused"), 1);
    assert.equal(await source.poll(open), null);
    assert.equal(health.failuresInARow, 0);
    assert.equal(health.failures("missing"), 2);
  });

  it("keeps versions apart from the index", async () => {
    const source = watchPolls([]);
    await assert.rejects(source.fetch("m", 1, "a", open), /model.onnx/);
    assert.equal(source.healthOf("version").failures("changed"), 1);
    assert.equal(source.healthOf("version").failuresInARow, 1);
    assert.equal(source.healthOf("index").failuresInARow, 0);
  });

  it("does not count what was given up at the stop", async () => {
    const stopped = AbortSignal.abort();
    const source = watchPolls([new Error("aborted")]);
    await assert.rejects(source.poll(stopped));
    assert.equal(source.healthOf("index").failuresInARow, 0);
  });
});

describe("the meter of the disk cache", () => {
  it("looks at the disk when asked, but not again before its reading is old", async () => {
    let nowMs = 0;
    let found = [{ bytes: 3 }];
    const meter = new CacheMeter(
      async () => found,
      () => nowMs,
      100,
    );
    assert.deepEqual(await meter.read(), { versions: 1, bytes: 3 });
    found = [{ bytes: 3 }, { bytes: 4 }];
    nowMs = 99;
    assert.deepEqual(await meter.read(), { versions: 1, bytes: 3 });
    nowMs = 100;
    assert.deepEqual(await meter.read(), { versions: 2, bytes: 7 });
  });
});
