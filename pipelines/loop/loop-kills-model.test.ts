import { saveBefore } from "./testing/kill-at.ts";
import { runKillTable } from "./testing/run-kill-table.ts";

const EITHER = ["job", "coordinator"] as const;

runKillTable({
  name: "killed on the way from data to a published model",
  async prepare(world) {
    world.addDays(4);
    await saveBefore(world, "split", "a training is next");
    await saveBefore(world, "evaluated", "an evaluation is next");
  },
  rows: [
    {
      state: "a training is next",
      pauses: ["split", "trained", "built", "replayed", "vetted"],
      victims: EITHER,
    },
    { state: "a training is next", pauses: ["ended", "ended:2"], victims: ["coordinator"] },
    {
      state: "an evaluation is next",
      pauses: ["evaluated", "claimed", "uploaded", "described"],
      victims: EITHER,
    },
    {
      state: "an evaluation is next",
      pauses: ["published"],
      victims: ["job", "coordinator", "both"],
    },
    { state: "an evaluation is next", pauses: ["started:2", "ended:2"], victims: ["coordinator"] },
  ],
});
