/**
 * Entry of the vetting child: a throw-away process with its own folder as working directory, so
 * that a model which crashes, hangs or eats memory takes nothing with it. Its main thread must see
 * the server's death whatever runs: the native engine loads and runs on threads of the addon; the
 * portable one blocks its caller and gets a thread.
 */
import { rmdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { siblingUrl } from "../lib/sibling-url.ts";
import { obeyVetOrder } from "./obey-vet-order.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

process.once("message", (order: VetOrder) => {
  if (order.engine === "native") void obeyVetOrder(order).then(report);
  else
    new Worker(siblingUrl(import.meta.url, "vet-thread"), { workerData: order }).once(
      "message",
      report,
    );
});

function report(message: VetMessage): void {
  process.send?.(message, () => process.exit(0));
}

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
