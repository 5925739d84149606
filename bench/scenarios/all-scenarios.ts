import { ABLATIONS } from "./ablations.ts";
import { COLD_START } from "./cold-start.ts";
import { COMPUTE_BOUND } from "./compute-bound.ts";
import { HOT_SWAP } from "./hot-swap.ts";
import { IMAGE_JSON_BINARY } from "./image-json-binary.ts";
import { JSON_DECODE } from "./json-decode-scenario.ts";
import { MEMORY_BY_THREADS } from "./memory-by-threads.ts";
import { MIXED_MODELS } from "./mixed-models.ts";
import { OVERHEAD } from "./overhead.ts";
import { OVERLOAD } from "./overload.ts";
import type { Scenario } from "./scenario.ts";
import { SIBLING_RELOAD } from "./sibling-reload.ts";
import { SWAP_DRIFT } from "./swap-drift.ts";
import { THREAD_SCALING } from "./thread-scaling.ts";
import { THROUGHPUT } from "./throughput.ts";

/** In the order they run and are reported. */
export const ALL_SCENARIOS: readonly Scenario[] = [
  THROUGHPUT,
  OVERHEAD,
  COMPUTE_BOUND,
  JSON_DECODE,
  IMAGE_JSON_BINARY,
  MIXED_MODELS,
  COLD_START,
  THREAD_SCALING,
  MEMORY_BY_THREADS,
  HOT_SWAP,
  SIBLING_RELOAD,
  SWAP_DRIFT,
  OVERLOAD,
  ABLATIONS,
];
