import { ENGINES } from "../config.ts";
import { integer, type Rows, row } from "./row.ts";

/** How requests wait, form batches and run. */
export const SCHEDULING_SETTINGS = {
  maxQueue: row(integer(1, 1_000_000), 512, {
    text: "Requests waiting or running per version; beyond it, queue-full.",
  }),
  maxQueueMs: row(integer(1, 3_600_000), 10_000, {
    text: "native: a request whose wait and run are predicted to take longer on the engine's threads is queue-full at once, with or without a deadline.",
  }),
  maxBatchRows: row(integer(1, 65_536), 64, { text: "Most rows in one batch." }),
  engine: row({ kind: "enum", values: ENGINES }, "auto", {
    text: "native: the addon, an error where it does not load; portable: onnxruntime-node; auto: native where it loads.",
  }),
  engineThreads: row(integer(0, 256), 0, {
    text: "Engine threads per version. native: threads of its one session, 0 takes a quarter of the cores, 1 to 8; portable: each with a session of its own, 0 takes 1.",
  }),
  intraOpThreads: row(integer(0, 1024), 0, {
    text: "Threads inside one run; 0 divides the cores by engineThreads.",
  }),
  inlineBudgetUs: row(integer(0, 100_000), 200, {
    text: "native: runs that are predicted to take fewer microseconds run on the serving thread; 0: none.",
  }),
} satisfies Partial<Rows>;
