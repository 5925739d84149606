import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { DatasetConfig } from "../project/project.ts";
import type { Contract } from "../quality/check-spec.ts";
import { addContract, refreshContracts } from "./contract-version.ts";
import { plan } from "./plan.ts";
import { makeBatch, makeDataset, makeSnapshot } from "./testing/make-snapshot.ts";
import { loadedProject, openStoreHome, type StoreHome } from "./testing/store-kit.ts";

const INFERRED: Contract = {
  version: 1,
  columns: { distance: { type: "number", min: 0, max: 100 } },
  minRows: null,
};

describe("versions of a contract", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const within = (dataset: DatasetConfig, work: typeof refreshContracts) =>
    at.store
      .transaction()
      .execute((tx) =>
        work({ tx, project: loadedProject({ datasets: { orders: dataset } }), home: "", nowMs: 1 }),
      );
  const infer = (dataset: DatasetConfig) =>
    within(dataset, (context) => addContract(context, "orders", INFERRED, "a test"));
  const versions = () => at.store.selectFrom("contracts").selectAll().orderBy("version").execute();
  const raised = (max: number): DatasetConfig => ({
    contract: { inferFrom: 3, level: "fail", columns: { distance: { max } } },
  });

  it("count up when the project's overrides change, and only then", async () => {
    await infer({});
    await within({}, refreshContracts);
    assert.equal((await versions()).length, 1);
    await within(raised(900), refreshContracts);
    await within(raised(900), refreshContracts);
    const [first, second, ...others] = await versions();
    assert.deepEqual(others, []);
    assert.equal(JSON.parse(first?.effective_json ?? "").columns.distance.max, 100);
    assert.equal(JSON.parse(second?.effective_json ?? "").columns.distance.max, 900);
    assert.equal(second?.inferred_json, first?.inferred_json);
    assert.deepEqual(await at.events(), ["contract.changed", "contract.changed"]);
  });

  it("do not begin before there is a contract", async () => {
    await within(raised(900), refreshContracts);
    assert.deepEqual(await versions(), []);
  });

  it("have what was quarantined checked again", async () => {
    await infer({});
    await within(raised(900), refreshContracts);
    const contract = (await versions()).at(-1) ?? null;
    const quarantined = [makeBatch("b", { status: "quarantined", checked_contract: 1 })];
    const checksWith = (checked: number) => {
      const batches = quarantined.map((batch) => ({ ...batch, checked_contract: checked }));
      const datasets = new Map([["orders", makeDataset({ quarantined: batches, contract })]]);
      return plan(makeSnapshot({ datasets }), null).runs.filter(({ kind }) => kind === "check");
    };
    assert.match(checksWith(1)[0]?.reason ?? "", /the contract is now version 2/);
    assert.deepEqual(checksWith(2), []);
  });
});
