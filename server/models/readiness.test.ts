import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isEnoughServed, type ModelReadiness, type ReadinessPolicy } from "./readiness.ts";

const SERVED = { isServed: true, isRefused: false };
const COMING = { isServed: false, isRefused: false };
const REFUSED = { isServed: false, isRefused: true };

function ask(policy: ReadinessPolicy, states: Record<string, Omit<ModelReadiness, "name">>) {
  const wanted = Object.entries(states).map(([name, state]) => ({ name, ...state }));
  return isEnoughServed({ policy, models: ["a", "b"] }, wanted);
}

describe("readiness", () => {
  it("all: nobody may still come, and somebody must serve", () => {
    assert.equal(ask("all", {}), true);
    assert.equal(ask("all", { a: SERVED, b: REFUSED }), true);
    assert.equal(ask("all", { a: SERVED, b: COMING }), false);
    assert.equal(ask("all", { a: REFUSED }), false);
  });

  it("any: one is enough", () => {
    assert.equal(ask("any", { a: SERVED, b: COMING }), true);
    assert.equal(ask("any", { a: COMING, b: REFUSED }), false);
    assert.equal(ask("any", {}), true);
  });

  it("listed: the named ones, whatever the others do", () => {
    assert.equal(ask("listed", { a: SERVED, b: SERVED, c: COMING }), true);
    assert.equal(ask("listed", { a: SERVED, c: SERVED }), false);
    assert.equal(ask("listed", { a: SERVED, b: REFUSED }), false);
  });
});
