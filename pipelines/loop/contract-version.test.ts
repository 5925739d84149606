import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { DatasetConfig } from "../project/project.ts";
import type { Contract } from "../quality/check-spec.ts";
import { checkRules } from "./check-rules.ts";
import type { CommitContext } from "./commit/commit.ts";
import { addContract, refreshContracts } from "./contract-version.ts";
import { readDataset } from "./read-dataset.ts";
import { makeBatch } from "./testing/make-snapshot.ts";
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

  const within = <T>(dataset: DatasetConfig, work: (context: CommitContext) => Promise<T>) =>
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

  it("stay as they are when the overrides contradict what was inferred, and say so once", async () => {
    await infer({});
    const [problem, ...others] = await within(raised(-1), refreshContracts);
    assert.deepEqual(others, []);
    assert.match(problem ?? "", /^dataset 'orders' keeps contract version 1: .*'min' 0 is above/);
    assert.equal((await within(raised(-1), refreshContracts)).length, 1);
    assert.deepEqual(await at.events(), ["contract.changed", "contract.refused"]);
    assert.deepEqual(await within(raised(900), refreshContracts), []);
    assert.equal((await versions()).length, 2);
  });

  it("of one dataset change although another's cannot", async () => {
    await infer({});
    await at.store.updateTable("contracts").set({ dataset: "aaa" }).execute();
    await infer({});
    const project = loadedProject({ datasets: { aaa: raised(-1), orders: raised(900) } });
    const problems = await at.store
      .transaction()
      .execute((tx) => refreshContracts({ tx, project, home: "", nowMs: 1 }));
    assert.equal(problems.length, 1);
    assert.deepEqual(
      (await versions()).map(({ dataset, version }) => `${dataset}@${version}`),
      ["aaa@1", "orders@1", "orders@2"],
    );
  });

  it("begin without the overrides that contradict what was inferred, and with the others", async () => {
    const inferred = { ...INFERRED, columns: { ...INFERRED.columns, hour: { type: "integer" } } };
    const columns = { distance: { max: -1 }, hour: { max: 23 } };
    const config: DatasetConfig = {
      contract: { inferFrom: 3, level: "fail", columns, minRows: 5 },
    };
    await within(config, (context) =>
      addContract(context, "orders", inferred as Contract, "a test"),
    );
    const [first] = await versions();
    const { columns: effective, minRows } = JSON.parse(first?.effective_json ?? "");
    assert.deepEqual(effective.distance, { type: "number", min: 0, max: 100 });
    assert.equal(effective.hour.max, 23);
    assert.equal(minRows, 5);
    assert.deepEqual(await at.events(), ["contract.changed", "contract.refused"]);
    assert.equal((await within(config, refreshContracts)).length, 1);
    assert.equal((await versions()).length, 1);
  });
});

describe("batches that other rules may release", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const settings = (contract: object): DatasetConfig => ({
    contract: { inferFrom: 3, level: "fail", ...contract },
  });
  const quarantine = (version: number, config: DatasetConfig) =>
    at.store
      .insertInto("batches")
      .values(
        makeBatch("b", {
          status: "quarantined",
          checked_contract: version,
          checked_rules: checkRules(version, config),
        }),
      )
      .execute();
  const releasable = async (config: DatasetConfig) =>
    (await readDataset(at.store, "orders", config)).releasable.map(({ id }) => id);

  for (const [what, change] of [
    ["the level", { level: "warn" }],
    ["the fewest rows", { minRows: 3 }],
    ["a column", { columns: { distance: { max: 900 } } }],
  ] as const) {
    it(`are those quarantined before the file changed ${what}, contract or not`, async () => {
      await quarantine(0, settings({}));
      assert.deepEqual(await releasable(settings({})), []);
      assert.deepEqual(await releasable(settings(change)), ["b"]);
    });
  }

  it("are those quarantined under another contract", async () => {
    await quarantine(0, {});
    const project = loadedProject({ datasets: { orders: {} } });
    await at.store
      .transaction()
      .execute((tx) =>
        addContract({ tx, project, home: "", nowMs: 1 }, "orders", INFERRED, "a test"),
      );
    assert.deepEqual(await releasable({}), ["b"]);
  });
});
