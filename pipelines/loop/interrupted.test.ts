import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RunTable } from "../store/tables.ts";
import { pickStartable } from "./interrupted.ts";

describe("what may start", () => {
  const run = (id: string, interrupted_attempts = 0) => ({ id, interrupted_attempts }) as RunTable;
  const picked = (due: readonly RunTable[], running: readonly RunTable[] = []) =>
    pickStartable(due, running).map(({ id }) => id);

  it("is all that is due, also after one end of a coordinator", () => {
    assert.deepEqual(picked([run("a"), run("b", 1)], [run("c", 1)]), ["a", "b"]);
  });

  it("is a suspect alone, when its turn came and nothing runs", () => {
    const due = [run("a", 2), run("b"), run("c", 2)];
    assert.deepEqual(picked(due), ["a"]);
    assert.deepEqual(picked(due, [run("d")]), []);
    assert.deepEqual(picked([run("b"), ...due]), ["b"]);
  });

  it("is nothing beside a suspect", () => {
    assert.deepEqual(picked([run("a")], [run("b", 2)]), []);
  });
});
