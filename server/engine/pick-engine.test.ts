import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pickEngine } from "./pick-engine.ts";
import { createFakeAddon } from "./testing/fake-addon.ts";

const ABSENT = { addon: null, reason: "it was not built" };

describe("pickEngine", () => {
  it("takes native where it loads", () => {
    const { addon } = createFakeAddon();
    for (const setting of ["auto", "native"] as const) {
      assert.equal(pickEngine(setting, () => ({ addon, reason: null })).name, "native");
    }
  });

  it("takes portable where native does not load, and says why", () => {
    const picked = pickEngine("auto", () => ABSENT);
    assert.equal(picked.name, "portable");
    assert.match(picked.text, /it was not built/);
  });

  it("refuses native where it does not load, with the reason", () => {
    assert.throws(() => pickEngine("native", () => ABSENT), /engine is native.*it was not built/);
  });

  it("does not even load the addon when told portable", () => {
    const load = () => assert.fail("it was loaded");
    assert.equal(pickEngine("portable", load).name, "portable");
  });
});
