import type { NativeAddon } from "../../native/addon.ts";
import { EngineLine } from "./engine-line.ts";
import { loadNativeRuntime } from "./native-runtime.ts";
import { signatureOfSession } from "./native-tensors.ts";
import type { SessionKind } from "./session-kind.ts";

/** The native engine's graphs for vetting. @throws Error where the addon does not load */
export function nativeSessions(): SessionKind {
  const { addon, reason } = loadNativeRuntime();
  if (addon === null) throw new Error(`the native engine does not load: ${reason}`);
  return {
    carries: () => true,
    open: (modelPath, intraOpThreads) => openSession(addon, modelPath, intraOpThreads),
  };
}

async function openSession(addon: NativeAddon, modelPath: string, intraOpThreads: number) {
  const session = await addon.openSession({
    modelPath,
    intraOpThreads,
    engineThreads: 1,
    maxBatchRows: 0,
  });
  const signature = signatureOfSession(addon, session);
  const line = new EngineLine(addon, session, signature);
  return {
    signature,
    run: line.run.bind(line),
    release: async () => {
      line.close();
      await addon.closeSession(session, 0);
    },
  };
}
