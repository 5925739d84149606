import {
  floats,
  modelBytes,
  type OnnxNode,
  type OnnxTensor,
  weights,
} from "./models/onnx-graph.ts";
import { randomStream } from "./random.ts";

const WIDTHS = [20, 64, 64, 2] as const;

/**
 * The model of the recorded figures, as ONNX bytes: FP32 "x" [batch,20] to "y" [batch,2] through
 * two ReLU layers of 64. So small that a run measures the server and not the model.
 */
export function mlpModel(): Uint8Array {
  const random = randomStream(1);
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  for (let layer = 1; layer < WIDTHS.length; layer += 1) {
    const rows = WIDTHS[layer - 1] ?? 0;
    const columns = WIDTHS[layer] ?? 0;
    const isLast = layer === WIDTHS.length - 1;
    const scale = Math.sqrt(2 / rows);
    tensors.push(
      weights(`w${layer}`, [rows, columns], () => (random() * 2 - 1) * scale),
      weights(`b${layer}`, [columns], random),
    );
    nodes.push({
      opType: "Gemm",
      input: [layer === 1 ? "x" : `r${layer - 1}`, `w${layer}`, `b${layer}`],
      output: [isLast ? "y" : `h${layer}`],
    });
    if (!isLast) nodes.push({ opType: "Relu", input: [`h${layer}`], output: [`r${layer}`] });
  }
  return modelBytes({
    name: "mlp",
    nodes,
    weights: tensors,
    inputs: [floats("x", ["batch", WIDTHS[0]])],
    outputs: [floats("y", ["batch", WIDTHS[3]])],
  });
}
