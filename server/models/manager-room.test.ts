import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeWorld, wanted } from "./testing/fake-world.ts";

const FIVE = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, { champion: 1 }]));

/** Three of five models fit. */
async function threeOfFive(): Promise<FakeWorld> {
  const world = new FakeWorld(null, { maxModelBytes: 3 });
  world.manager.setWanted(wanted(1, FIVE));
  await world.settle();
  world.nowMs = 1000;
  return world;
}

function readyIn(world: FakeWorld): string {
  const ready = world.manager.statuses().filter(({ status }) => status.state === "ready");
  return ready.map(({ model, status }) => `${model}${status.version}`).join(" ");
}

function onRequestOf(world: FakeWorld, model: string): readonly string[] {
  const published = world.publications.at(-1)?.models.find(({ name }) => name === model);
  return (published?.onRequest ?? []).map(([asked, { version }]) => `${asked}=${version}`);
}

describe("manager with a memory budget", () => {
  it("fills the budget, leaves the rest for requests, and is ready", async () => {
    const world = await threeOfFive();
    assert.equal(readyIn(world), "a1 b1 c1");
    assert.deepEqual(world.manager.statusOf({ model: "d", version: 1 }), {
      version: 1,
      state: "unloaded",
      reason: "no room: it needs about 1 bytes, 0 of maxModelBytes 3 are free; loads on request",
    });
    assert.deepEqual(onRequestOf(world, "d"), ["1=1", "champion=1"]);
    assert.equal(world.manager.isReady, true);
    assert.equal(world.manager.nextRetryMs(), null);
  });

  it("loads what is asked for in the place of the least recently used", async () => {
    const world = await threeOfFive();
    world.lastUsedMs.set("a/1", 900).set("b/1", 100).set("c/1", 500);
    world.manager.ask("d", 1, 9000);
    await world.settle();
    assert.equal(readyIn(world), "a1 c1 d1");
    const status = world.manager.statusOf({ model: "b", version: 1 });
    assert.equal(status?.reason, "unloaded to make room; loads on request");
    assert.equal(world.manager.usedBytes, 3);
  });

  it("pushes out neither what is pinned nor what is in use, and waits", async () => {
    const world = await threeOfFive();
    world.pinned.add("a");
    world.leased.add("b/1").add("c/1");
    world.manager.ask("d", 1, 9000);
    await world.settle();
    assert.equal(readyIn(world), "a1 b1 c1");
    assert.equal(world.manager.nextRetryMs(), 1050);
    world.release("c/1");
    world.nowMs = 1050;
    await world.settle();
    assert.equal(readyIn(world), "a1 b1 d1");
  });

  it("forgets an ask that nobody waits for any more", async () => {
    const world = await threeOfFive();
    for (const id of ["a/1", "b/1", "c/1"]) world.leased.add(id);
    world.manager.ask("d", 1, 2000);
    await world.settle();
    for (const id of ["a/1", "b/1", "c/1"]) world.release(id);
    world.nowMs = 2000;
    await world.settle();
    assert.equal(readyIn(world), "a1 b1 c1");
  });

  it("refuses a swap that does not fit, saying why; the old version serves", async () => {
    const world = new FakeWorld(null, { maxModelBytes: 10 });
    world.costs.set("m/1", 6).set("m/2", 6);
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
    assert.equal(
      world.events.at(-1),
      "m/2 failed: it needs about 6 bytes; beside what must stay loaded (6 bytes) maxModelBytes 10 leaves too little",
    );
  });

  it("a swap pushes out an idle model, and `previous` before that when it is older", async () => {
    const world = new FakeWorld(null, { maxModelBytes: 3 });
    world.manager.setWanted(wanted(1, { m: { champion: 1 }, other: { champion: 1 } }));
    await world.settle();
    world.nowMs = 1000;
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    assert.equal(readyIn(world), "m1 m2 other1");
    world.nowMs = 5000;
    world.lastUsedMs.set("other/1", 4000).set("m/2", 4000);
    world.manager.setWanted(wanted(3, { m: { champion: 3, previous: 2 } }));
    await world.settle();
    assert.equal(readyIn(world), "m2 m3 other1");
  });

  it("a champion that loads on request is not stood in for by `previous`", async () => {
    const world = new FakeWorld(null, { maxModelBytes: 2 });
    const m = { champion: 2, previous: 1 };
    world.manager.setWanted(wanted(1, { m }));
    await world.settle();
    world.nowMs = 1000;
    world.lastUsedMs.set("m/1", 900);
    world.manager.setWanted(wanted(2, { m, other: { champion: 1 } }));
    await world.settle();
    world.manager.ask("other", 1, 9000);
    await world.settle();
    assert.equal(readyIn(world), "m1 other1");
    assert.deepEqual(onRequestOf(world, "m"), ["2=2", "champion=2"]);
    assert.deepEqual(world.serving(), ["m: previous=1; v1", "other: champion=1; v1"]);
  });
});

describe("swapPolicy resource", () => {
  it("unloads the old champion once the new one is vetted, and keeps no `previous`", async () => {
    const world = new FakeWorld(null, { maxModelBytes: 10 });
    world.swapPolicy = "resource";
    world.costs.set("m/1", 6).set("m/2", 6);
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.events.length = 0;
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    assert.deepEqual(world.events, [
      ...["downloading", "verified", "vetting"].map((state) => `m/2 ${state}`),
      ...["draining", "unloaded"].map((state) => `m/1 ${state}`),
      ...["loading", "warming", "ready"].map((state) => `m/2 ${state}`),
    ]);
    assert.deepEqual(world.serving(), ["m: champion=2; v2"]);
  });

  it("brings the old champion back when the new one does not load, and leaves it there", async () => {
    const world = new FakeWorld();
    world.swapPolicy = "resource";
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.loadFailures.set("m/2", new Error("out of memory"));
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
    assert.equal(world.manager.nextRetryMs(), null);
    world.loadFailures.clear();
    world.manager.setWanted(wanted(3, { m: { champion: 3, previous: 2 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=3; v3"]);
  });

  it("a version that is refused costs no service", async () => {
    const world = new FakeWorld();
    world.swapPolicy = "resource";
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.vetFailures.set("m/2", new Error("bad graph"));
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
    assert.ok(!world.events.includes("m/1 draining"));
  });
});
