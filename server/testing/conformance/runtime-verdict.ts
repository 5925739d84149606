import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadNativeRuntime } from "../../engine/native-runtime.ts";
import { nativeSessions } from "../../engine/native-session.ts";
import { portableSessions } from "../../engine/onnx-session.ts";
import type { SessionKind } from "../../engine/session-kind.ts";
import type { OnnxCase } from "./onnx-case.ts";
import { describeDifference } from "./tensor-match.ts";

/**
 * What the runtime itself makes of a case, with no server between: null when some binding gets it
 * right, else what is wrong.
 * @param folder for the model's file
 */
export async function askRuntime(folder: string, each: OnnxCase): Promise<string | null> {
  const modelPath = join(folder, `${each.name}.onnx`);
  writeFileSync(modelPath, each.model);
  const kinds: SessionKind[] = [portableSessions];
  if (loadNativeRuntime().addon !== null) kinds.push(nativeSessions());
  let wrong = "";
  for (const kind of kinds) {
    const verdict = await askSession(kind, modelPath, each);
    if (verdict === null) return null;
    wrong = verdict;
  }
  return wrong;
}

async function askSession(
  kind: SessionKind,
  modelPath: string,
  each: OnnxCase,
): Promise<string | null> {
  try {
    const session = await kind.open(modelPath, 1);
    try {
      const outputs = each.outputs.map(({ name }) => name);
      return describeDifference(await session.run(each.inputs, outputs), each.outputs);
    } finally {
      await session.release();
    }
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
