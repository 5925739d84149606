import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CostModel } from "./cost-model.ts";

function learned(pairs: readonly (readonly [rows: number, costUs: number])[]): CostModel {
  const model = new CostModel();
  for (const [rows, costUs] of pairs) model.learn(rows, costUs);
  return model;
}

function assertNear(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected} ± ${within}`);
}

describe("CostModel", () => {
  it("knows nothing before the first run", () => {
    assert.equal(new CostModel().predictUs(1), Number.POSITIVE_INFINITY);
  });

  it("finds slope and base", () => {
    const rows = Array.from({ length: 60 }, (_, i) => 1 + ((i * 7) % 64));
    const model = learned(rows.map((n) => [n, 8 + 0.4 * n] as const));
    assertNear(model.predictUs(1), 8.4, 1e-6);
    assertNear(model.predictUs(64), 8 + 0.4 * 64, 1e-6);
  });

  it("takes cost to grow with the rows where it has seen none so large", () => {
    const model = learned([
      [1, 10],
      [4, 13],
    ]);
    assertNear(model.predictUs(4), 13, 1e-9);
    assertNear(model.predictUs(40), 130, 1e-9);
  });

  it("follows a cost that changes", () => {
    const before = Array.from({ length: 100 }, () => [1, 10] as const);
    const after = Array.from({ length: 60 }, () => [1, 90] as const);
    assertNear(learned([...before, ...after]).predictUs(1), 90, 5);
  });

  it("never predicts less for more rows, nor less than nothing", () => {
    const model = learned([
      [1, 50],
      [8, 10],
      [2, 45],
      [7, 12],
    ]);
    let last = 0;
    for (let rows = 1; rows <= 20; rows += 1) {
      const costUs = model.predictUs(rows);
      assert.ok(costUs >= last && costUs > 0, `${rows} rows: ${costUs} after ${last}`);
      last = costUs;
    }
    const steep = learned([
      [1, 1],
      [10, 100],
    ]);
    assert.ok(steep.predictUs(1) >= 0);
  });

  it("starts anew when told to forget", () => {
    const model = learned([[64, 1000]]);
    model.forget();
    assert.equal(model.predictUs(1), Number.POSITIVE_INFINITY);
    model.learn(1, 5);
    assert.equal(model.predictUs(2), 10);
  });
});
