import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pickEngine } from "../engine/pick-engine.ts";
import { checkEngine } from "./check-packages.ts";

describe("doctor's look at the engine", () => {
  it("says which engine would serve and why", async () => {
    const { name, text } = pickEngine("auto");
    const found = await checkEngine("auto");
    assert.deepEqual(found, { name: "engine", state: name === "native" ? "ok" : "warn", text });
  });

  it("does not warn of portable where it was asked for", async () => {
    const { state, text } = await checkEngine("portable");
    assert.equal(state, "ok");
    assert.match(text, /^portable, .*as set/);
  });
});
