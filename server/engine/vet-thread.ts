/** Entry of the one thread of a vetting child that touches the model. */
import { parentPort, workerData } from "node:worker_threads";
import { VetRefusal } from "../models/loader.ts";
import { judgeModel } from "./judge-model.ts";
import { nativeSessions } from "./native-session.ts";
import type { EngineName } from "./pick-engine.ts";
import type { SessionKind } from "./session-kind.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

async function judge(order: VetOrder): Promise<VetMessage> {
  try {
    const sessions = await sessionsOf(order.engine);
    return { kind: "passed", report: await judgeModel(order.directory, sessions) };
  } catch (thrown) {
    if (thrown instanceof VetRefusal) return { kind: "refused", reason: thrown.message };
    throw thrown;
  }
}

/** Loads one runtime binding only: the other would be a second one in the process. */
async function sessionsOf(engine: EngineName): Promise<SessionKind> {
  if (engine === "native") return nativeSessions();
  return (await import("./onnx-session.ts")).portableSessions;
}

parentPort?.postMessage(await judge(workerData as VetOrder));
