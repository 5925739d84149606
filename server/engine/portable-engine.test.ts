import { createPortableEngine } from "./portable-engine.ts";
import { engineContract } from "./testing/engine-contract.ts";

process.env["ORT_DISABLE_TELEMETRY"] = "1";

for (const engineThreads of [1, 2]) {
  engineContract(
    `portable, ${engineThreads} engine thread${engineThreads === 1 ? "" : "s"}`,
    () => createPortableEngine({ engineThreads, intraOpThreads: 1, onSlotLost: () => undefined }),
    // The binding's own words, with ONNX's number of BFLOAT16; vetting says it better, and before.
    new Map([["BF16", /Unsupported data type: 16/]]),
  );
}
