import type { LoadedAddon } from "../../native/load-addon.ts";
import { loadNativeRuntime } from "./native-runtime.ts";

export type EngineName = "native" | "portable";
/** `auto`: native where it loads. */
export type EngineSetting = "auto" | EngineName;

/** The engine that serves, and what to say of it. */
export type PickedEngine =
  | {
      readonly name: "native";
      readonly addon: NonNullable<LoadedAddon["addon"]>;
      readonly text: string;
    }
  | { readonly name: "portable"; readonly addon: null; readonly text: string };

/** Native where the addon loads, unless told otherwise. @throws Error when told native and it does not load */
export function pickEngine(
  setting: EngineSetting,
  load: () => LoadedAddon = loadNativeRuntime,
): PickedEngine {
  if (setting === "portable") return portable("as set");
  const { addon, reason } = load();
  if (addon !== null) {
    return { name: "native", addon, text: `native, ONNX Runtime ${addon.runtimeVersion}` };
  }
  if (setting === "native") {
    throw new Error(`engine is native, but the addon does not load: ${reason}`);
  }
  return portable(`the native one does not load: ${reason}`);
}

function portable(why: string): PickedEngine {
  return { name: "portable", addon: null, text: `portable, onnxruntime-node (${why})` };
}
