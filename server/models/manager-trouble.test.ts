import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Gate } from "../lib/gate.ts";
import { FakeWorld, wanted } from "./testing/fake-world.ts";

function stateOf(world: FakeWorld, version: number, model = "m"): string | undefined {
  return world.manager.statusOf({ model, version })?.state;
}

function isolate(world: FakeWorld, version: number): void {
  const record = world.manager.inspect().find(({ id }) => id.version === version);
  assert.ok(record !== undefined);
  world.manager.isolate(record, "it misbehaves");
}

describe("manager when several things go wrong", () => {
  it("tries what was swapped in by `resource` again, once it has served", async () => {
    const world = new FakeWorld();
    world.swapPolicy = "resource";
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.manager.setWanted(wanted(2, { m: { champion: 2 } }));
    await world.settle();
    assert.equal(stateOf(world, 2), "ready");
    isolate(world, 2);
    await world.settle();
    assert.equal(stateOf(world, 2), "failed");
    const retryMs = world.manager.nextRetryMs();
    assert.notEqual(retryMs, null);
    world.nowMs = retryMs ?? 0;
    await world.settle();
    assert.equal(stateOf(world, 2), "ready");
  });

  it("brings up a new model while another that was asked for waits for room", async () => {
    const world = new FakeWorld(null, { maxModelBytes: 2 });
    const first = { a: { champion: 1 }, b: { champion: 1 }, c: { champion: 1 } };
    world.costs.set("a/1", 1).set("b/1", 1).set("c/1", 2).set("d/1", 0);
    world.manager.setWanted(wanted(1, first));
    await world.settle();
    world.leased.add("a/1").add("b/1");
    world.nowMs = 1000;
    world.manager.ask("c", 1, 900_000);
    await world.settle();
    assert.notEqual(stateOf(world, 1, "c"), "ready");
    world.manager.setWanted(wanted(2, { ...first, d: { champion: 1 } }));
    await world.settle();
    assert.equal(stateOf(world, 1, "d"), "ready");
  });

  it("asking again and again keeps no place in the queue for ever", async () => {
    const world = new FakeWorld(null, { maxModelBytes: 1 });
    world.manager.setWanted(wanted(1, { a: { champion: 1 }, b: { champion: 1 } }));
    await world.settle();
    world.leased.add("a/1");
    world.nowMs = 1000;
    world.manager.ask("b", 1, 2000);
    world.nowMs = 1900;
    world.manager.ask("b", 1, 5000);
    await world.settle();
    world.release("a/1");
    world.nowMs = 2500;
    await world.settle();
    assert.equal(stateOf(world, 1, "b"), "unloaded");
  });

  it("a load call does not wait for room for ever", async () => {
    const world = new FakeWorld(new Set(["a"]), { maxModelBytes: 1 });
    world.manager.setWanted(wanted(1, { a: { champion: 1 }, b: { champion: 1 } }));
    await world.settle();
    world.leased.add("a/1");
    world.nowMs = 1000;
    world.manager.steer("load", "b");
    await world.settle();
    assert.equal(world.manager.isSettled("b"), false);
    world.nowMs = 62_000;
    await world.settle();
    assert.equal(world.manager.isSettled("b"), true);
    assert.match(world.manager.explain("b") ?? "", /needs about 1 bytes/);
  });

  it("frees what an unload is freeing already only once, at the end", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 }, n: { champion: 1 } }));
    await world.settle();
    world.leased.add("m/1");
    world.manager.setWanted(wanted(2, { n: { champion: 1 } }, ["m"]));
    await world.settle();
    assert.equal(stateOf(world, 1), "draining");
    const ended = world.manager.unloadAll();
    world.release("m/1");
    await ended;
    assert.equal(world.loadedKeys.size, 0);
  });

  it("counts the memory of an isolated version until it is back, whatever is published", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    const gate = new Gate();
    world.unloadGates.set("m/1", gate);
    isolate(world, 1);
    world.manager.setWanted(wanted(2, { m: { champion: 2 } }));
    await world.settle();
    assert.equal(stateOf(world, 2), "ready");
    assert.equal(world.manager.usedBytes, 2);
    gate.open();
    await world.settle();
    assert.equal(world.manager.usedBytes, 1);
  });
});
