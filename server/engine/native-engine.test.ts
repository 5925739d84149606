import { describe, it } from "node:test";
import { createNativeEngine } from "./native-engine.ts";
import { loadNativeRuntime } from "./native-runtime.ts";
import { engineContract } from "./testing/engine-contract.ts";

const { addon, reason } = loadNativeRuntime();

if (addon === null) {
  describe("engine contract: native", () => {
    it("is met", { skip: `the addon does not load: ${reason}` }, () => undefined);
  });
} else {
  for (const engineThreads of [1, 2]) {
    // With no budget every run is on the engine's threads; with 200 µs tiny models run inline.
    for (const inlineBudgetUs of [0, 200]) {
      engineContract(
        `native, ${engineThreads} engine thread${engineThreads === 1 ? "" : "s"}, ${inlineBudgetUs} µs inline`,
        () =>
          createNativeEngine({
            ...{ addon, engineThreads, intraOpThreads: 1, inlineBudgetUs, maxQueueMs: 60_000 },
          }),
        new Map(),
      );
    }
  }
}
