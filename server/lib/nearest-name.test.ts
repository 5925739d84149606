import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { didYouMean, editDistance, nearestName } from "./nearest-name.ts";

describe("the nearest name", () => {
  it("counts insertions, deletions and replacements", () => {
    const cases: [string, string, number][] = [
      ["", "", 0],
      ["", "abc", 3],
      ["kitten", "sitting", 3],
      ["httpPort", "http_port", 2],
      ["port", "prot", 2],
    ];
    for (const [a, b, distance] of cases) {
      assert.equal(editDistance(a, b), distance, `${a} ${b}`);
      assert.equal(editDistance(b, a), distance, `${b} ${a}`);
    }
  });

  it("names the closest, whatever its case, and none when all are far", () => {
    const known = ["httpPort", "grpcPort", "home"];
    assert.equal(nearestName("HTTPPORT", known), "httpPort");
    assert.equal(nearestName("grcpPort", known), "grpcPort");
    assert.equal(nearestName("zzzzzzzz", known), null);
    assert.equal(didYouMean("hom", known), " (did you mean 'home'?)");
    assert.equal(didYouMean("zzzzzzzz", known), "");
  });
});
