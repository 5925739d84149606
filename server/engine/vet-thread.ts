/** Entry of the one thread of a vetting child that touches the model. */
import { parentPort, workerData } from "node:worker_threads";
import { VetRefusal } from "../models/loader.ts";
import { judgeModel } from "./judge-model.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

async function judge(order: VetOrder): Promise<VetMessage> {
  try {
    return { kind: "passed", report: await judgeModel(order.directory) };
  } catch (thrown) {
    if (thrown instanceof VetRefusal) return { kind: "refused", reason: thrown.message };
    throw thrown;
  }
}

parentPort?.postMessage(await judge(workerData as VetOrder));
