import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createKey } from "./key-record.ts";
import { type Quota, takeToken } from "./quota.ts";
import { createQuotaBlock, Quotas } from "./quotas.ts";

const START_US = 1_700_000_000_000_000n;

/** When each of many requests, one every `everyUs`, was let in. */
function admitted(quota: Quota, everyUs: number, count: number): number[] {
  let fullAtUs = 0n;
  const at: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const { nextUs } = takeToken(fullAtUs, START_US + BigInt(i * everyUs), quota);
    if (nextUs === null) continue;
    fullAtUs = nextUs;
    at.push(i * everyUs);
  }
  return at;
}

describe("a quota", () => {
  it("lets a burst in at once, then the rate, and no more", () => {
    const quota = { ratePerSec: 10, burst: 5 };
    const at = admitted(quota, 1000, 10_000);
    assert.deepEqual(at.slice(0, 6), [0, 1000, 2000, 3000, 4000, 100_000]);
    assert.ok(Math.abs(at.length - (5 + 99)) <= 1, `${at.length} in 10 s`);
  });

  it("is whole again after a pause, and never more than that", () => {
    const quota = { ratePerSec: 3, burst: 2 };
    const { nextUs } = takeToken(START_US - 3_600_000_000n, START_US, quota);
    assert.equal(nextUs, START_US + 333_333n);
  });

  it("says when a token is there again", () => {
    const quota = { ratePerSec: 4, burst: 1 };
    const first = takeToken(0n, START_US, quota);
    const second = takeToken(first.nextUs ?? 0n, START_US + 50_000n, quota);
    assert.deepEqual([second.nextUs, Math.round(second.retryAfterMs)], [null, 200]);
    const third = takeToken(first.nextUs ?? 0n, START_US + 250_000n, quota);
    assert.notEqual(third.nextUs, null);
  });

  it("of less than one a second is a long wait, not none", () => {
    const quota = { ratePerSec: 0.1, burst: 1 };
    assert.deepEqual(admitted(quota, 1_000_000, 25), [0, 10_000_000, 20_000_000]);
  });
});

describe("the quotas of keys", () => {
  const wanted = { name: "k", role: "infer", models: ["*"], expiresAt: null } as const;
  const { record } = createKey(wanted, new Date(), { ratePerSec: 1, burst: 2 });
  const free = createKey(wanted, new Date()).record;

  it("are one bucket for all threads, one for each model, and none for keys without", () => {
    const shared = createQuotaBlock();
    let nowMs = 1_700_000_000_000;
    const threads = [0, 1].map(() => new Quotas(shared, [record, free], () => nowMs));
    const take = (thread: number, model = "m", id = record.id) =>
      threads[thread]?.take(id, model)?.code ?? "in";
    assert.deepEqual([take(0), take(1), take(0), take(1)], ["in", "in", ...twice]);
    assert.deepEqual([take(1, "other"), take(0, "other"), take(1, "other")], ["in", "in", once]);
    for (let i = 0; i < 100; i += 1) assert.equal(take(0, "m", free.id), "in");
    nowMs += 1000;
    assert.deepEqual([take(1), take(0)], ["in", once]);
  });

  it("are never a stranger's bucket, where all are taken", () => {
    const nowMs = 1_700_000_000_000;
    const shared = createQuotaBlock();
    // Strangers who have spent theirs, for long.
    new BigInt64Array(shared).fill(BigInt(nowMs) * 1_000_000n);
    const quotas = new Quotas(shared, [record], () => nowMs);
    const take = (model: string) => quotas.take(record.id, model)?.code ?? "in";
    assert.deepEqual([take("a"), take("a"), take("a"), take("b")], ["in", "in", once, "in"]);
  });

  it("follow the keys, and keep what was used", () => {
    const quotas = new Quotas(createQuotaBlock(), [record], () => 1_700_000_000_000);
    for (let i = 0; i < 2; i += 1) assert.equal(quotas.take(record.id, "m"), null);
    assert.equal(quotas.take(record.id, "m")?.retryAfterMs, 1000);
    quotas.replace([{ ...record, quota: null }]);
    assert.equal(quotas.take(record.id, "m"), null);
    quotas.replace([record]);
    const refused = quotas.take(record.id, "m");
    assert.deepEqual(refused?.details, { rate_per_sec: 1, burst: 2 });
    assert.match(refused?.message ?? "", /may ask model 'm' 1 times a second, 2 at once/);
  });

  const once = "quota-exceeded";
  const twice = [once, once];
});
