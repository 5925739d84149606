import { VetRefusal } from "../models/loader.ts";
import { judgeModel } from "./judge-model.ts";
import type { EngineName } from "./pick-engine.ts";
import type { SessionKind } from "./session-kind.ts";
import type { VetMessage, VetOrder } from "./vet-messages.ts";

/** Judges in this process, the vetting child. Rejects when the judging itself fails. */
export async function obeyVetOrder(order: VetOrder): Promise<VetMessage> {
  const { engine, directory, signature } = order;
  try {
    const report = await judgeModel(directory, signature, await sessionsOf(engine));
    return { kind: "passed", report };
  } catch (thrown) {
    if (thrown instanceof VetRefusal) return { kind: "refused", reason: thrown.message };
    throw thrown;
  }
}

/** Loads one runtime binding only: the other would be a second one in the process. */
async function sessionsOf(engine: EngineName): Promise<SessionKind> {
  if (engine === "native") return (await import("./native-session.ts")).nativeSessions();
  return (await import("./onnx-session.ts")).portableSessions;
}
