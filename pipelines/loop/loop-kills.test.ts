import { after, before, describe, it } from "node:test";
import { killAt, resume } from "./testing/kill-at.ts";
import { LoopWorld } from "./testing/loop-kit.ts";

/** A sample of what loop-kills-data and loop-kills-model do at every point, in one life. */
describe("a loop that is killed on its way", () => {
  let world: LoopWorld;
  before(async () => {
    world = await LoopWorld.create();
  });
  after(() => world.close());

  it("comes from data to a published model", async () => {
    world.addDays(4);
    await killAt(world, "written", "job");
    await killAt(world, "trained", "coordinator");
    await killAt(world, "described", "both");
    await resume(world);
  });

  it("comes from a new day to predictions that everybody got once", async () => {
    world.addDays(1);
    await world.passTime();
    await killAt(world, "ended", "coordinator");
    await killAt(world, "checked", "coordinator");
    await killAt(world, "written", "job");
    await resume(world);
  });
});
