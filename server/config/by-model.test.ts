import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readByModel } from "./by-model.ts";
import { ConfigError } from "./config-error.ts";

const FORM = {
  key: "colour",
  forms: "red or blue",
  parse: (text: string) => (text === "red" || text === "blue" ? text : null),
  otherwise: "none",
};

describe("a setting by model", () => {
  it("is decided by the first entry that matches", () => {
    const pick = readByModel(FORM, ["fraud-eu=red", "fraud-*=blue"]);
    assert.deepEqual(["fraud-eu", "fraud-us", "other"].map(pick), ["red", "blue", "none"]);
    assert.equal(readByModel(FORM, ["x=red", "blue"])("y"), "blue");
  });

  it("refuses what it cannot read, and says what it would", () => {
    for (const entry of ["green", "x=green", "=red", "a*b=red", "x=", ""]) {
      assert.throws(
        () => readByModel(FORM, [entry]),
        (e) => e instanceof ConfigError && /colour .*red or blue; got/.test(e.message),
        entry,
      );
    }
  });
});
