import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  correctedJensenShannonDistance,
  jensenShannonDistance,
  jensenShannonDivergence,
} from "./jensen-shannon.ts";
import { assertClose, GOLDEN, REFERENCE_COUNTS, WINDOW_COUNTS } from "./testing/golden.ts";

describe("the Jensen-Shannon distance", () => {
  it("equals scipy's in both bases, and the divergence of TFDV", () => {
    const [p, q] = [REFERENCE_COUNTS, WINDOW_COUNTS];
    assertClose(jensenShannonDistance(p, q, Math.E), GOLDEN.jensenShannonNatural);
    assertClose(jensenShannonDistance(p, q, 2), GOLDEN.jensenShannonBase2);
    assertClose(jensenShannonDivergence(p, q) / Math.LN2, GOLDEN.jensenShannonDivergenceBits);
  });

  it("goes from 0 to 1", () => {
    assert.equal(jensenShannonDistance([3, 1], [300, 100], 2), 0);
    assertClose(jensenShannonDistance([5, 0], [0, 7], 2), 1);
  });

  it("loses what chance alone gives", () => {
    // 3 degrees of freedom, 100 rows on both sides.
    const byChance = (3 * (1 / 100 + 1 / 100)) / 8 / Math.LN2;
    assertClose(
      correctedJensenShannonDistance([...REFERENCE_COUNTS, 0], [...WINDOW_COUNTS, 0]) ** 2,
      GOLDEN.jensenShannonDivergenceBits - byChance,
    );
    assert.equal(correctedJensenShannonDistance([50, 50], [52, 48]), 0);
  });
});
