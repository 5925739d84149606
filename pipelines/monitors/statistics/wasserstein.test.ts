import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertClose, GOLDEN, REFERENCE, sines, WINDOW } from "./testing/golden.ts";
import { normedWasserstein, wasserstein } from "./wasserstein.ts";

describe("the Wasserstein distance", () => {
  it("equals scipy's, plain and by the reference's population deviation", () => {
    assertClose(wasserstein(REFERENCE, WINDOW), GOLDEN.wasserstein);
    assertClose(normedWasserstein(REFERENCE, WINDOW), GOLDEN.wassersteinNormed);
    const large = wasserstein(sines(10_000, 0.7, 2, 0), sines(1000, 0.9, 2.02, 0.05));
    assertClose(large, 0.05102043866370087);
  });

  it("is what a shift shifts by", () => {
    assertClose(
      wasserstein(
        REFERENCE,
        REFERENCE.map((value) => value + 3),
      ),
      3,
    );
    assert.equal(wasserstein(REFERENCE, REFERENCE), 0);
  });

  it("is a share where the reference is one value", () => {
    const reference = Float64Array.of(0.1, 0.1, 0.1);
    assert.equal(normedWasserstein(reference, Float64Array.of(0.1, 0.1)), 0);
    assert.equal(normedWasserstein(reference, Float64Array.of(0.1, 0.1, 0.1, 7e6)), 0.25);
  });
});
