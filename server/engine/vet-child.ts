/**
 * Entry of the vetting child: a throw-away process with its own folder as working directory, so
 * that a model which crashes, hangs or eats memory takes nothing with it. The model runs in a
 * thread: native calls block theirs, and this one must see the server's death whatever runs.
 */
import { rmdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { siblingUrl } from "../lib/sibling-url.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

process.once("message", (order: VetOrder) => {
  const judge = new Worker(siblingUrl(import.meta.url, "vet-thread"), { workerData: order });
  judge.once("message", (message: VetMessage) => {
    process.send?.(message, () => process.exit(0));
  });
});

process.once("disconnect", () => {
  try {
    // The server cannot do it any more. It is empty but for what a crash left.
    rmdirSync(process.cwd());
  } catch {
    // A stray folder in the system's temporary one harms nobody.
  }
  // Not exit(): a native call under way would abort the process and dump its memory.
  process.kill(process.pid, "SIGKILL");
});
