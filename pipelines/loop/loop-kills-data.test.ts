import { resume, saveBefore } from "./testing/kill-at.ts";
import { runKillTable } from "./testing/run-kill-table.ts";

const EITHER = ["job", "coordinator"] as const;

runKillTable({
  name: "killed while data is taken in, scored and watched",
  async prepare(world) {
    world.addDays(4);
    await resume(world);
    world.addDays(1);
    await world.passTime();
    world.save("a day waits");
    await saveBefore(world, "checked", "its check is next");
    await resume(world);
    world.addCapture();
    world.save("captures wait");
  },
  rows: [
    { state: "a day waits", pauses: ["read", "written", "checked"], victims: EITHER },
    // Of the pull, the check and the score job.
    {
      state: "a day waits",
      pauses: ["started", "ended", "started:2", "ended:2", "started:3", "ended:3"],
      victims: ["coordinator"],
    },
    { state: "its check is next", pauses: ["written"], victims: ["job", "coordinator", "both"] },
    { state: "captures wait", pauses: ["written", "observed"], victims: EITHER },
    { state: "captures wait", pauses: ["ended", "ended:2"], victims: ["coordinator"] },
  ],
});
