import type { JobKind, JobWork } from "./job.ts";

/** Where the work of each kind is; loaded only by the process that does it. */
export const JOB_TABLE: { readonly [K in JobKind]: () => Promise<JobWork<K>> } = {
  pull: async () => (await import("../feeds/pull.ts")).pull,
  check: async () => (await import("../quality/check.ts")).check,
  train: async () => (await import("../train/train.ts")).train,
  compile: async () => (await import("../compile/compile.ts")).compile,
  vet: async () => (await import("../compile/vet.ts")).vet,
  evaluate: async () => (await import("../evaluate/evaluate.ts")).evaluate,
  publish: async () => (await import("../publish/publish-job.ts")).publishJob,
  score: async () => (await import("../score/score.ts")).score,
  collect: async () => (await import("../monitors/collect.ts")).collect,
  observe: async () => (await import("../monitors/observe.ts")).observe,
};
