import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { splitJson } from "./split-json.ts";

interface Message {
  readonly inputs: readonly Readonly<Record<string, unknown>>[];
}

/** Splitting, then putting the data back, must be what JSON.parse makes of the whole. */
function assertSplits(text: string): void {
  const bytes = Buffer.from(text);
  const { root, data } = splitJson(bytes, "inputs", DEFAULT_LIMITS);
  const whole = JSON.parse(text) as Message;
  assert.equal(data.length, whole.inputs.length);
  for (const [i, range] of data.entries()) {
    const input = whole.inputs[i];
    assert.equal(range !== null, input !== undefined && Object.hasOwn(input, "data"));
    if (range === null) continue;
    assert.deepEqual(JSON.parse(bytes.toString("utf8", range.start, range.end)), input?.["data"]);
  }
  const without = whole.inputs.map((t) => (Object.hasOwn(t, "data") ? { ...t, data: null } : t));
  assert.deepEqual(root, { ...whole, inputs: without });
}

describe("split-json", () => {
  test("runs of any length are stepped over, up to the byte", () => {
    for (let length = 0; length < 1400; length += length < 140 || length > 500 ? 1 : 37) {
      const digits = "7".repeat(length);
      assertSplits(
        `{"inputs":[{"data":[1${digits}],"n":[2]},{"data":[[[1${digits}]],"]${digits}"]}]}`,
      );
    }
    const many = Array.from({ length: 20_000 }, (_, i) => i);
    assertSplits(JSON.stringify({ inputs: [{ data: many }, { data: [many, many, ["]"]] }], x: 1 }));
  });

  test("strings hide brackets, quotes and backslashes", () => {
    const odd = ['"', "\\", '\\"', "[", "]}", "\\\\", "é]", '"]},{"data":[1]'];
    assertSplits(JSON.stringify({ inputs: [{ data: odd, ...{ "]": odd } }, { x: odd }], y: odd }));
  });

  test("property: any JSON in any place", () => {
    const key = fc.constantFrom("data", "name", "inputs", "d]", "__proto__", "a\\", "dat", "dataa");
    const object = (value: fc.Arbitrary<unknown>) =>
      fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true });
    fc.assert(
      fc.property(
        object(fc.jsonValue()),
        fc.array(object(fc.jsonValue()), { maxLength: 4 }),
        fc.constantFrom(undefined, 1, "\t"),
        (rest, inputs, indent) => {
          assertSplits(JSON.stringify({ ...rest, inputs }, null, indent));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
