import { after, before, describe, it } from "node:test";
import { killAt, resume, type Victim } from "./kill-at.ts";
import { LoopWorld } from "./loop-kit.ts";

export interface KillTable {
  readonly name: string;
  /** Makes and saves the states that the rows begin at. */
  readonly prepare: (world: LoopWorld) => Promise<void>;
  readonly rows: readonly KillRow[];
}

export interface KillRow {
  readonly state: string;
  /** See SLUICE_TEST_PAUSE. */
  readonly pauses: readonly string[];
  readonly victims: readonly Victim[];
}

const ALL = "SLUICE_TEST_LOOP_KILLS";

/** One test a point and victim: back to the state, kill, resume, check. Minutes: CI asks for it. */
export function runKillTable({ name, prepare, rows }: KillTable): void {
  const skip = process.env[ALL] === "all" ? false : `takes minutes; ${ALL}=all runs it`;
  describe(name, { skip }, () => {
    let world: LoopWorld;
    before(async () => {
      world = await LoopWorld.create();
      await prepare(world);
    });
    after(() => world.close());
    for (const { state, pauses, victims } of rows) {
      for (const pause of pauses) {
        for (const victim of victims) {
          it(`${state}, ${pause}: ${victim} killed`, async () => {
            await world.restore(state);
            await killAt(world, pause, victim);
            await resume(world);
          });
        }
      }
    }
  });
}
