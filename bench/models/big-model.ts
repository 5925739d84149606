import { randomStream } from "../random.ts";
import { floats, modelBytes, type OnnxNode, type OnnxTensor, weights } from "./onnx-graph.ts";

/** 512 x 512 FP32 weights are 1 MiB. */
const WIDTH = 512;

/**
 * A model of a given size, as ONNX bytes: FP32 "x" [batch,512] to "y" [batch,512] through as many
 * dense layers of 1 MiB each. Every run reads all of them.
 * @param megabytes whole MiB of weights
 * @param seed another gives a model of the same size and signature with other weights
 */
export function bigModel(megabytes: number, seed: number): Uint8Array {
  const random = randomStream(seed);
  const scale = Math.sqrt(3 / WIDTH);
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  for (let layer = 1; layer <= megabytes; layer += 1) {
    tensors.push(weights(`w${layer}`, [WIDTH, WIDTH], () => (random() * 2 - 1) * scale));
    nodes.push({
      opType: "MatMul",
      input: [layer === 1 ? "x" : `h${layer - 1}`, `w${layer}`],
      output: [layer === megabytes ? "y" : `h${layer}`],
    });
  }
  return modelBytes({
    name: `big-${megabytes}`,
    nodes,
    weights: tensors,
    inputs: [floats("x", ["batch", WIDTH])],
    outputs: [floats("y", ["batch", WIDTH])],
  });
}
