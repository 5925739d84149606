/**
 * Entry of the vetting child: a throw-away process with its own folder as working directory, so
 * that a model which crashes, hangs or eats memory takes nothing with it.
 */
import { VetRefusal } from "../models/loader.ts";
import { judgeModel } from "./judge-model.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

process.once("message", (order: VetOrder) => {
  void judge(order).then((message) => {
    process.send?.(message, () => process.exit(0));
  });
});

async function judge(order: VetOrder): Promise<VetMessage> {
  try {
    return { kind: "passed", report: await judgeModel(order.directory) };
  } catch (thrown) {
    if (thrown instanceof VetRefusal) return { kind: "refused", reason: thrown.message };
    throw thrown;
  }
}
