import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import { Gate } from "../lib/gate.ts";
import { VetRefusal } from "./loader.ts";
import { FakeWorld, wanted } from "./testing/fake-world.ts";

describe("manager", () => {
  it("takes a version through its whole life", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    assert.deepEqual(
      world.events,
      ["downloading", "verified", "vetting", "loading", "warming", "ready"].map((s) => `m/1 ${s}`),
    );
    assert.deepEqual(world.serving(), ["m: champion=1; v1"]);
    assert.equal(world.manager.isReady, true);
  });

  it("swaps make before break and keeps the previous version loaded", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    const gates = { entered: new Gate(), proceed: new Gate() };
    world.loadGates.set("m/2", gates);
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    const settled = world.settle();
    await gates.entered.passed;
    assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
    gates.proceed.open();
    await settled;
    assert.deepEqual(world.serving(), ["m: champion=2 previous=1; v1 v2"]);
  });

  it("unloads a version that nothing wants, after its last lease", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.leased.add("m/1");
    world.manager.setWanted(wanted(2, { m: { champion: 2 } }));
    await world.settle();
    assert.equal(world.events.at(-1), "m/1 draining");
    assert.equal(world.loadedKeys.size, 2);
    world.release("m/1");
    await world.settle();
    assert.equal(world.events.at(-1), "m/1 unloaded");
    assert.deepEqual(world.serving(), ["m: champion=2; v2"]);
    assert.equal(world.loadedKeys.size, 1);
  });

  it("failed load leaves the old one serving, says why, and tries again", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.fetchFailures.set("m/2", new Error("storage is away"));
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
    assert.equal(world.events.at(-1), "m/2 failed: storage is away");
    assert.equal(world.manager.isReady, true);
    assert.equal(world.manager.nextRetryMs(), 1000);
    world.fetchFailures.clear();
    world.nowMs = 999;
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
    world.nowMs = 1000;
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=2 previous=1; v1 v2"]);
  });

  it("backs off up to a minute and never gives up", async () => {
    const world = new FakeWorld();
    world.fetchFailures.set("m/1", new Error("away"));
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    const pauses: number[] = [];
    for (let i = 0; i < 9; i++) {
      await world.settle();
      const next = world.manager.nextRetryMs() as number;
      pauses.push(next - world.nowMs);
      world.nowMs = next;
    }
    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it("does not try a refused model again, until its bytes change", async () => {
    const world = new FakeWorld();
    world.vetFailures.set("m/1", new VetRefusal("unknown operator"));
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    assert.equal(world.manager.nextRetryMs(), null);
    assert.equal(world.manager.explain("m"), "version 1 failed: unknown operator");
    assert.equal(world.manager.isReady, false);
    world.manager.setWanted(wanted(2, { m: { champion: 2 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=2; v2"]);
    assert.equal(world.manager.isReady, true);
  });

  it("is ready beside a model that was refused for good, not beside one that may still come", async () => {
    const world = new FakeWorld();
    world.vetFailures.set("bad/1", new VetRefusal("unknown operator"));
    world.fetchFailures.set("late/1", new Error("away"));
    const models = { bad: { champion: 1 }, good: { champion: 1 } };
    world.manager.setWanted(wanted(1, { ...models, late: { champion: 1 } }));
    await world.settle();
    assert.equal(world.manager.isReady, false);
    world.fetchFailures.clear();
    world.nowMs = 1000;
    await world.settle();
    assert.equal(world.manager.isReady, true);
  });

  it("rolls back at once to a loaded version, also while another loads", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.manager.setWanted(wanted(2, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    const gates = { entered: new Gate(), proceed: new Gate() };
    world.loadGates.set("n/1", gates);
    world.manager.setWanted(wanted(3, { m: { champion: 2, previous: 1 }, n: { champion: 1 } }));
    const settled = world.settle();
    await gates.entered.passed;
    world.manager.setWanted(wanted(4, { m: { champion: 1, previous: 2 }, n: { champion: 1 } }));
    assert.deepEqual(world.serving(), ["m: champion=1 previous=2; v1 v2", "n: -; -"]);
    gates.proceed.open();
    await settled;
  });

  it("keeps a model that a reading does not name, and unloads one that was removed", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.manager.setWanted(wanted(2, {}));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1; v1"]);
    world.manager.setWanted(wanted(3, {}, ["m"]));
    await world.settle();
    assert.deepEqual(world.serving(), []);
    assert.equal(world.loadedKeys.size, 0);
  });

  it("unaspire then re-aspire while unloading", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    world.leased.add("m/1");
    world.manager.setWanted(wanted(2, { m: { champion: 2 } }));
    await world.settle();
    world.manager.setWanted(wanted(3, { m: { champion: 2, previous: 1 } }));
    world.release("m/1");
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=2 previous=1; v1 v2"]);
    assert.equal(world.loadedKeys.size, 2);
  });

  it("a model removed while it loads is unloaded once it is loaded", async () => {
    const world = new FakeWorld();
    const gates = { entered: new Gate(), proceed: new Gate() };
    world.loadGates.set("m/1", gates);
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    const settled = world.settle();
    await gates.entered.passed;
    world.manager.setWanted(wanted(2, {}, ["m"]));
    gates.proceed.open();
    await settled;
    await world.settle();
    assert.equal(world.loadedKeys.size, 0);
    assert.deepEqual(world.serving(), []);
  });

  it("loads only what it is told to in explicit mode", async () => {
    const world = new FakeWorld(new Set(["a"]));
    world.manager.setWanted(wanted(1, { a: { champion: 1 }, b: { champion: 1 } }));
    await world.settle();
    assert.deepEqual(world.serving(), ["a: champion=1; v1", "b: -; -"]);
    assert.equal(world.manager.isReady, true);
    world.manager.steer("load", "b");
    world.manager.steer("unload", "a");
    await world.settle();
    assert.deepEqual(world.serving(), ["a: -; -", "b: champion=1; v1"]);
    assert.throws(
      () => world.manager.steer("load", "zzz"),
      (e) => e instanceof InferError && e.code === "model-not-found",
    );
  });

  it("refuses load calls outside explicit mode", () => {
    const world = new FakeWorld();
    assert.throws(
      () => world.manager.steer("load", "m"),
      (e) => e instanceof InferError && e.code === "conflict",
    );
  });

  it("keeps the newest versions beside the aliases, and lets the ones before go", async () => {
    const world = new FakeWorld();
    world.versionPolicy = { kind: "latest", count: 2 };
    const read = (generation: number, newest: number) =>
      wanted(generation, { m: { champion: 1 } }, [], {
        m: Array.from({ length: newest }, (_, i) => i + 1),
      });
    world.manager.setWanted(read(1, 3));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1; v1 v2 v3"]);
    world.manager.setWanted(read(2, 4));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1; v1 v3 v4"]);
  });

  it("makes the highest selected version the champion where the repository names none", async () => {
    const world = new FakeWorld();
    world.versionPolicy = { kind: "latest", count: 1 };
    world.manager.setWanted(wanted(1, { m: {} }, [], { m: [1, 2] }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=2; v2"]);
    world.fetchFailures.set("m/3", new Error("away"));
    world.manager.setWanted(wanted(2, { m: {} }, [], { m: [1, 2, 3] }));
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=2; v2"]);
    world.fetchFailures.clear();
    world.nowMs = 1000;
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=3; v3"]);
  });

  it("the repository's word on versions goes before the server's", async () => {
    const world = new FakeWorld();
    world.versionPolicy = { kind: "all" };
    const set = wanted(1, { m: { champion: 1 } }, [], { m: [2, 3] });
    const [model] = set.models.values();
    assert.ok(model !== undefined);
    const own = { ...model, versionPolicy: { kind: "specific", versions: [3] } as const };
    world.manager.setWanted({ ...set, models: new Map([["m", own]]) });
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1; v1 v3"]);
  });

  it("isolates a version that misbehaves: previous serves, and it is tried again ever later", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 2, previous: 1 } }));
    await world.settle();
    const pauses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const champion = world.manager.inspect().find(({ id }) => id.version === 2);
      assert.ok(champion?.isReady);
      world.leased.add("m/2");
      world.manager.isolate(champion, "isolated: stalled");
      await world.settle();
      assert.deepEqual(world.serving(), ["m: champion=1 previous=1; v1"]);
      assert.equal(world.events.at(-1), "m/2 failed: isolated: stalled");
      assert.equal(world.loadedKeys.size, 1, "its memory is back");
      const next = world.manager.nextRetryMs() as number;
      pauses.push(next - world.nowMs);
      world.nowMs = next;
      await world.settle();
      assert.deepEqual(world.serving(), ["m: champion=2 previous=1; v1 v2"]);
    }
    assert.deepEqual(pauses, [1000, 2000, 4000]);
    world.manager
      .inspect()
      .find(({ id }) => id.version === 2)
      ?.endProbation();
  });

  it("does not try an isolated version again while its threads hold on", async () => {
    const world = new FakeWorld();
    world.manager.setWanted(wanted(1, { m: { champion: 1 } }));
    await world.settle();
    const unload = new Gate();
    world.unloadGates.set("m/1", unload);
    const [version] = world.manager.inspect();
    assert.ok(version !== undefined);
    world.manager.isolate(version, "isolated: stalled");
    await world.settle();
    world.nowMs = 100_000;
    assert.equal(world.manager.nextRetryMs(), null);
    await world.settle();
    assert.deepEqual(world.serving(), ["m: -; -"]);
    unload.open();
    await new Promise(setImmediate);
    await world.settle();
    assert.deepEqual(world.serving(), ["m: champion=1; v1"]);
  });

  it("drops what it knew of versions that are gone", async () => {
    const world = new FakeWorld();
    for (let v = 1; v <= 20; v++) {
      const aliases = v === 1 ? { champion: 1 } : { champion: v, previous: v - 1 };
      world.manager.setWanted(wanted(v, { m: aliases }));
      await world.settle();
    }
    await world.settle();
    assert.deepEqual(
      world.manager.statuses().map(({ status }) => `${status.version} ${status.state}`),
      ["19 ready", "20 ready"],
    );
    assert.equal(world.loadedKeys.size, 2);
  });
});
