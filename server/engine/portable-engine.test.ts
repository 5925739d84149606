import { createPortableEngine } from "./portable-engine.ts";
import { engineContract, RUNTIME_GAPS } from "./testing/engine-contract.ts";

process.env["ORT_DISABLE_TELEMETRY"] = "1";

for (const engineThreads of [1, 2]) {
  engineContract(
    `portable, ${engineThreads} engine thread${engineThreads === 1 ? "" : "s"}`,
    () => createPortableEngine({ engineThreads, intraOpThreads: 1, onSlotLost: () => undefined }),
    RUNTIME_GAPS,
  );
}
