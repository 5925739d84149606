import { mlpModel } from "../mlp-model.ts";
import type { BenchModel } from "./bench-model.ts";
import { bigModel } from "./big-model.ts";
import { computeModel } from "./compute-model.ts";
import { imageModel } from "./image-model.ts";
import { textModel } from "./text-model.ts";
import { treesModel } from "./trees-model.ts";
import { vadInputs, vadModel } from "./vad-model.ts";

export const MLP: BenchModel = { name: "mlp", bytes: mlpModel, inputs: null };
export const TREES: BenchModel = { name: "trees", bytes: treesModel, inputs: null };
export const VAD: BenchModel = { name: "vad", bytes: vadModel, inputs: vadInputs };
export const IMAGE: BenchModel = { name: "image", bytes: imageModel, inputs: null };
export const COMPUTE: BenchModel = { name: "compute", bytes: computeModel, inputs: null };
export const TEXT: BenchModel = { name: "text", bytes: textModel, inputs: null };

/** @param seed another gives other weights under another name */
export function bigBenchModel(megabytes: number, seed = 1): BenchModel {
  const name = seed === 1 ? `big-${megabytes}` : `big-${megabytes}-${seed}`;
  return { name, bytes: () => bigModel(megabytes, seed), inputs: null };
}
