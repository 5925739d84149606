import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openStore, type Store, storePath } from "../store/store.ts";
import type { WindowTable } from "../store/tables.ts";
import { readLateWindow, readUnwindowed } from "./read-captures.ts";
import { MODEL, makeWindow, NOW_MS } from "./testing/make-snapshot.ts";

describe("captures of a model", () => {
  let home = "";
  let store: Store;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-captures-"));
    store = await openStore(storePath(home));
    const captures = [
      ["a", 1, "window-1"],
      ["b", 1, "window-2"],
      ["c", 1, null],
      ["d", 2, null],
      ["e", 1, null],
    ] as const;
    for (const [id, version, windowId] of captures) {
      await store
        .insertInto("captures")
        .values({
          id,
          model: "delay",
          version,
          path: `/h/${id}.parquet`,
          rows: 200,
          first_at_ms: id.charCodeAt(0),
          last_at_ms: NOW_MS,
          window_id: windowId,
          run_id: "r",
        })
        .execute();
    }
  });
  after(async () => {
    await store.destroy();
    rmSync(home, { recursive: true });
  });

  const window = (number: number, coverage: number, change: Partial<WindowTable> = {}) => ({
    ...makeWindow(number, {
      performance: { metric: "auc", realised: null, evaluated: 0.7, isDegraded: false, coverage },
    }),
    ...change,
  });
  const late = async (windows: readonly WindowTable[], labelSeq = 1, nowMs = NOW_MS) => {
    const found = await readLateWindow(store, windows, MODEL, labelSeq, nowMs);
    return found === null ? null : [found.number, found.captures.map(({ id }) => id)];
  };

  it("that no window holds, of the version, oldest first", async () => {
    const found = await readUnwindowed(store, "delay", 1);
    assert.deepEqual(
      found.map(({ id }) => id),
      ["c", "e"],
    );
  });

  it("of the window whose labels came late, until there are enough", async () => {
    assert.deepEqual(await late([window(1, 0.5)]), [1, ["a"]]);
    assert.equal(await late([window(1, 0.9)]), null);
    assert.equal(await late([window(1, 0.5)], 0), null);
    assert.equal(await late([window(1, 0.5)], 1, NOW_MS + 8 * 86_400_000), null);
  });

  it("of the window looked at longest ago that still has some", async () => {
    const one = window(1, 0.5, { looked_at_ms: 20 });
    const two = window(2, 0.5, { looked_at_ms: 10 });
    const expired = window(3, 0.5, { looked_at_ms: 5 });
    assert.deepEqual(await late([one, two, expired]), [2, ["b"]]);
  });
});
