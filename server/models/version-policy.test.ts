import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALIASES_ONLY, parseVersionPolicy, selectVersions } from "./version-policy.ts";

function subject(versions: readonly number[], aliases: Record<string, number>) {
  return {
    versions: new Map(versions.map((version) => [version, `sha-${version}`])),
    aliases: new Map(Object.entries(aliases)),
  };
}

const FIVE = subject([1, 2, 3, 4, 5], { previous: 1, champion: 2 });

describe("version policy", () => {
  it("reads its forms and nothing else", () => {
    assert.deepEqual(parseVersionPolicy("aliases"), ALIASES_ONLY);
    assert.deepEqual(parseVersionPolicy("all"), { kind: "all" });
    assert.deepEqual(parseVersionPolicy("latest"), { kind: "latest", count: 1 });
    assert.deepEqual(parseVersionPolicy("latest:12"), { kind: "latest", count: 12 });
    assert.deepEqual(parseVersionPolicy("specific:3+5"), { kind: "specific", versions: [3, 5] });
    for (const text of ["", "latest:0", "latest:-1", "specific:", "specific:0", "specific:3,5"]) {
      assert.equal(parseVersionPolicy(text), null, text);
    }
  });

  it("aliases: what they lead to, the champion first", () => {
    assert.deepEqual(selectVersions(FIVE, ALIASES_ONLY), [2, 1]);
  });

  it("latest, all, specific add to what aliases lead to, highest first", () => {
    assert.deepEqual(selectVersions(FIVE, { kind: "latest", count: 2 }), [2, 1, 5, 4]);
    assert.deepEqual(selectVersions(FIVE, { kind: "all" }), [2, 1, 5, 4, 3]);
    assert.deepEqual(selectVersions(FIVE, { kind: "specific", versions: [3, 2, 9] }), [2, 1, 3]);
  });

  it("takes numbers as numbers", () => {
    const many = subject([9, 10, 2], {});
    assert.deepEqual(selectVersions(many, { kind: "latest", count: 2 }), [10, 9]);
  });
});
