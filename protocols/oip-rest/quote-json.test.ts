import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quoteJson } from "./quote-json.ts";

test("property: quoteJson is JSON.stringify", () => {
  const unit = fc.constantFrom(...'aZ09 ~!"\\/\u0000\u001f\u007f\u0080é\u2028🦊\ud83e'.split(""));
  const text = fc.oneof(fc.string({ unit, maxLength: 70 }), fc.string({ maxLength: 200 }));
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(quoteJson(value), JSON.stringify(value));
    }),
    { numRuns: 2000 },
  );
  for (let code = 0; code < 0x200; code++) {
    const char = String.fromCharCode(code);
    assert.equal(quoteJson(char), JSON.stringify(char));
  }
});
