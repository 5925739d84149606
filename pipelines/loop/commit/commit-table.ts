import type { JobKind } from "../../jobs/job.ts";
import type { Commit } from "./commit.ts";
import {
  commitCompile,
  commitEvaluate,
  commitPublish,
  commitTrain,
  commitVet,
} from "./commit-candidate.ts";
import { commitCheck } from "./commit-check.ts";
import { commitCollect } from "./commit-collect.ts";
import { commitObserve } from "./commit-observe.ts";
import { commitPull } from "./commit-pull.ts";
import { commitScore } from "./commit-score.ts";

/** What a finished run of each kind changes. */
export const COMMIT_TABLE: { readonly [K in JobKind]: Commit<K> } = {
  pull: commitPull,
  check: commitCheck,
  train: commitTrain,
  compile: commitCompile,
  vet: commitVet,
  evaluate: commitEvaluate,
  publish: commitPublish,
  score: commitScore,
  collect: commitCollect,
  observe: commitObserve,
};
