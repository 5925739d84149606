import type { ModelConfig } from "../../project/project.ts";
import type { Gradients } from "./histogram.ts";

/** What boosting makes small. */
export interface Objective {
  /** The best single score for all rows. */
  baseValue(truth: Float64Array): number;
  /** Buffers for `rows` rows, to be filled by `update`. */
  createGradients(rows: number): Gradients;
  update(gradients: Gradients, truth: Float64Array, scores: Float64Array): void;
  /** Mean over the rows. */
  loss(truth: Float64Array, scores: Float64Array): number;
}

/** Score: the value. Loss: the squared error. */
const squaredError: Objective = {
  baseValue(truth) {
    let sum = 0;
    for (const value of truth) sum += value;
    return sum / truth.length;
  },
  createGradients(rows) {
    return { gradient: new Float64Array(rows), hessian: null };
  },
  update({ gradient }, truth, scores) {
    for (let i = 0; i < truth.length; i += 1) {
      gradient[i] = (scores[i] as number) - (truth[i] as number);
    }
  },
  loss(truth, scores) {
    let sum = 0;
    for (let i = 0; i < truth.length; i += 1) {
      sum += ((scores[i] as number) - (truth[i] as number)) ** 2;
    }
    return sum / truth.length;
  },
};

/** Score: the log-odds of 1. Loss: the negative log-likelihood. */
const logistic: Objective = {
  /** REQUIRES: both classes are there. */
  baseValue(truth) {
    const ratio = squaredError.baseValue(truth);
    return Math.log(ratio / (1 - ratio));
  },
  createGradients(rows) {
    return { gradient: new Float64Array(rows), hessian: new Float64Array(rows) };
  },
  update({ gradient, hessian }, truth, scores) {
    if (hessian === null) throw new Error("the logistic loss needs a buffer for hessians");
    for (let i = 0; i < truth.length; i += 1) {
      const probability = 1 / (1 + Math.exp(-(scores[i] as number)));
      gradient[i] = probability - (truth[i] as number);
      hessian[i] = probability * (1 - probability);
    }
  },
  loss(truth, scores) {
    let sum = 0;
    for (let i = 0; i < truth.length; i += 1) {
      const score = scores[i] as number;
      // log(1 + e^score) - truth * score, without overflow.
      sum += Math.log1p(Math.exp(-Math.abs(score))) + Math.max(score, 0);
      sum -= (truth[i] as number) * score;
    }
    return sum / truth.length;
  },
};

export const OBJECTIVES: Readonly<Record<ModelConfig["task"], Objective>> = {
  binary: logistic,
  regression: squaredError,
};
