import { checkSettled } from "./check-settled.ts";
import { checkStore } from "./check-store.ts";
import { forgetAttempts, type LoopWorld } from "./loop-kit.ts";
import { findPausedJob, isDead, type LoopProcess, type PausedJob, until } from "./loop-process.ts";

export type Victim = "job" | "coordinator" | "both";

/** Points of the coordinator itself; all others are of jobs. */
const OWN_POINTS: ReadonlySet<string> = new Set(["started", "ended"]);

/** Lets the loop work until the point, kills there, and checks what is left. Nothing runs afterwards. */
export async function killAt(world: LoopWorld, pause: string, victim: Victim): Promise<void> {
  const coordinator = world.start({ pause });
  const [point = ""] = pause.split(":");
  if (OWN_POINTS.has(point)) {
    await coordinator.whenSaid(new RegExp(`paused at ${point}\\n`));
  } else {
    await killJobOf(world, coordinator, await pausedJob(world, coordinator, point), victim);
  }
  await coordinator.kill("SIGKILL");
  await checkStore(world);
  await world.passTime();
}

async function pausedJob(
  world: LoopWorld,
  coordinator: LoopProcess,
  point: string,
): Promise<PausedJob> {
  let found: PausedJob | null = null;
  await until(
    `a job pauses at ${point}`,
    () => {
      if (coordinator.hasEnded) throw new Error(`the coordinator ended: ${coordinator.said}`);
      found = findPausedJob(world.home, point);
      return found !== null;
    },
    () => coordinator.said.slice(-4000),
  );
  return found as unknown as PausedJob;
}

async function killJobOf(
  world: LoopWorld,
  coordinator: LoopProcess,
  { pid, folder }: PausedJob,
  victim: Victim,
): Promise<void> {
  if (victim !== "coordinator") process.kill(pid, "SIGKILL");
  // A lone job's end is noticed before its coordinator ends; a job without one ends by itself.
  if (victim === "job") await until("the loss is noticed", () => isNoticed(world, folder));
  await coordinator.kill("SIGKILL");
  await until("the job is gone", () => isDead(pid));
}

async function isNoticed(world: LoopWorld, folder: string): Promise<boolean> {
  const run = await world.withStore((store) =>
    store.selectFrom("runs").selectAll().where("folder", "=", folder).executeTakeFirstOrThrow(),
  );
  return run.status === "queued" && run.error?.startsWith("killed by SIGKILL") === true;
}

/** Starts it again, waits until all is done, checks it, and stops it as an operator does. */
export async function resume(world: LoopWorld): Promise<void> {
  const coordinator = world.start();
  await world.untilSettled(coordinator);
  await checkSettled(world, coordinator);
  const { code } = await coordinator.kill("SIGTERM");
  if (code !== 0) throw new Error(`it ended with ${code}: ${coordinator.said}`);
}

/** Keeps the state in which the job that has this point is next, as if it had never been started. */
export async function saveBefore(world: LoopWorld, point: string, name: string): Promise<void> {
  await killAt(world, point, "both");
  await world.withStore(forgetAttempts);
  world.save(name);
}
