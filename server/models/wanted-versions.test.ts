import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { effectiveAliases } from "./wanted-versions.ts";

const NONE = new Map<string, number>();

function model(aliases: Record<string, number>) {
  return {
    name: "m",
    versions: new Map<number, string>(),
    aliases: new Map(Object.entries(aliases)),
    versionPolicy: null,
  };
}

describe("where aliases lead", () => {
  it("to their target once it is ready, until then to where they led", () => {
    const wanted = model({ champion: 2, previous: 1 });
    const before = new Map([["champion", 1]]);
    assert.equal(effectiveAliases(wanted, before, (v) => v === 1).get("champion"), 1);
    assert.equal(effectiveAliases(wanted, before, () => true).get("champion"), 2);
    assert.deepEqual(
      effectiveAliases(wanted, before, () => false),
      NONE,
    );
  });

  it("the champion to the version before it, after a restart without it", () => {
    const wanted = model({ champion: 2, previous: 1, nightly: 3 });
    const both = new Map(Object.entries({ previous: 1, champion: 1 }));
    assert.deepEqual(
      effectiveAliases(wanted, NONE, (v) => v === 1),
      both,
    );
  });

  it("no champion where the repository names none", () => {
    assert.deepEqual(
      effectiveAliases(model({ nightly: 2 }), NONE, (v) => v === 1),
      NONE,
    );
    const orphan = effectiveAliases(model({ previous: 1 }), NONE, () => true);
    assert.equal(orphan.has("champion"), false);
  });
});
