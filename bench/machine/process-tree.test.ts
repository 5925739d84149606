import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProcessStat, selectTree } from "./process-tree.ts";

const LINE =
  "42 (a ) b (c)) S 7 42 42 0 -1 4194560 100 200 0 0 30 5 600 1 20 0 11 0 12345 1000 99 0 0";

test("a line is read behind the last bracket of the name; time is own and that of ended children", () => {
  assert.deepEqual(parseProcessStat(LINE), { pid: 42, parentPid: 7, cpuUs: 636 * 10_000 });
  assert.throws(() => parseProcessStat("nonsense"), /expected a line of \/proc\/PID\/stat/);
});

test("a tree holds descendants of every depth, in any order, each once", () => {
  const of = (pid: number, parentPid: number) => ({ pid, parentPid, cpuUs: pid });
  const all = [of(5, 4), of(4, 2), of(2, 1), of(3, 1), of(9, 8), of(8, 0)];
  const pids = (roots: number[]) =>
    selectTree(all, roots)
      .map((each) => each.pid)
      .toSorted((a, b) => a - b);
  assert.deepEqual(pids([2]), [2, 4, 5]);
  assert.deepEqual(pids([2, 4, 8]), [2, 4, 5, 8, 9]);
  assert.deepEqual(pids([77]), []);
});
