import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { needs } from "../../testing/skip.ts";
import type { LoadedUws } from "./load-uws.ts";
import { pickTransport } from "./pick-transport.ts";

const ABSENT: LoadedUws = { uws: null, reason: "uWebSockets.js does not load: no binary" };

describe("pickTransport", () => {
  it("takes uWebSockets.js where it loads", needs("uws"), () => {
    for (const setting of ["auto", "uws"] as const) {
      assert.equal(pickTransport(setting).kind, "uws");
    }
  });

  it("takes node:http where it does not load, and says why", () => {
    const { kind, text } = pickTransport("auto", () => ABSENT);
    assert.equal(kind, "node");
    assert.match(text, /no binary/);
  });

  it("refuses uws where it does not load, with the reason", () => {
    assert.throws(() => pickTransport("uws", () => ABSENT), /httpTransport is uws.*no binary/);
  });

  it("does not even load it when told node", () => {
    assert.equal(pickTransport("node", () => assert.fail("it was loaded")).kind, "node");
  });
});
