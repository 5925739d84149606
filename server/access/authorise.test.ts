import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import { authorise } from "./authorise.ts";
import { isModelGlob, matchesGlob } from "./glob.ts";
import { type Action, ROLES, type Role } from "./principal.ts";

function isAllowed(role: Role, models: readonly string[], action: Action, model: string | null) {
  try {
    authorise({ id: "k", name: null, role, models }, action, model);
    return true;
  } catch (error) {
    assert.ok(error instanceof InferError);
    assert.equal(error.code, "permission-denied");
    return false;
  }
}

describe("authorise", () => {
  // Written out, not computed: what each role may do.
  const MAY: Readonly<Record<Role, readonly Action[]>> = {
    read: ["probe", "read"],
    infer: ["probe", "read", "infer"],
    admin: ["probe", "read", "infer", "admin"],
  };
  const ACTIONS: readonly Action[] = ["probe", "read", "infer", "admin"];
  // Globs, model, do they match?
  const GLOBS: readonly [readonly string[], string, boolean][] = [
    [["*"], "fraud-v2", true],
    [["fraud-*"], "fraud-v2", true],
    [["fraud-*"], "fraud-", true],
    [["fraud-*"], "fraud", false],
    [["fraud-*"], "not-fraud-v2", false],
    [["fraud"], "fraud", true],
    [["fraud"], "fraud2", false],
    [["fraud"], "Fraud", false],
    [["a", "fraud-*"], "fraud-v2", true],
    [["f*d"], "fraud", false],
    [[], "fraud", false],
  ];

  it("allows by role and glob together, and nothing else", () => {
    let checked = 0;
    for (const role of ROLES) {
      for (const action of ACTIONS) {
        for (const [models, model, matches] of GLOBS) {
          const expected = action === "probe" || (MAY[role].includes(action) && matches);
          const name = `${role} ${action} ${model} through ${models}`;
          assert.equal(isAllowed(role, models, action, model), expected, name);
          checked++;
        }
      }
    }
    assert.equal(checked, 3 * 4 * GLOBS.length);
  });

  it("asks for the glob * where infer or admin concern no one model", () => {
    for (const role of ROLES) {
      for (const action of ACTIONS) {
        const mayByRole = MAY[role].includes(action);
        assert.equal(isAllowed(role, ["*"], action, null), mayByRole, `${role} ${action} *`);
        const isHarmless = action === "probe" || action === "read";
        assert.equal(isAllowed(role, ["a-*"], action, null), mayByRole && isHarmless);
      }
    }
  });

  it("says what is missing, without the rest of the key's globs", () => {
    const principal = { id: "k1", name: null, role: "read", models: ["secret-project-*"] } as const;
    assert.throws(() => authorise(principal, "infer", "m"), /needs role infer.*'k1' has role read/);
    assert.throws(
      () => authorise(principal, "read", "m"),
      (error: Error) =>
        /other models than 'm'/.test(error.message) && !/secret/.test(error.message),
    );
  });
});

describe("model globs", () => {
  it("are *, a prefix with *, or a name", () => {
    for (const glob of ["*", "a*", "fraud-*", "fraud", "a.b_c-1"])
      assert.ok(isModelGlob(glob), glob);
    for (const text of ["", "**", "*a", "a*b", "a**", "../x", "a/b", "é", "-a"]) {
      assert.ok(!isModelGlob(text), text);
    }
  });

  it("match by prefix only at a final *", () => {
    assert.ok(matchesGlob("a.b*", "a.bc"));
    assert.ok(!matchesGlob("a.b*", "axbc"), "a dot is a dot");
  });
});
