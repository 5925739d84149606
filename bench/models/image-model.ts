import { randomStream } from "../random.ts";
import {
  floats,
  intAttribute,
  intsAttribute,
  modelBytes,
  type OnnxNode,
  type OnnxTensor,
  weights,
} from "./onnx-graph.ts";

interface Convolution {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
}

const LAYERS: readonly Convolution[] = [
  { from: 3, to: 16, kernel: 7, stride: 4 },
  { from: 16, to: 32, kernel: 3, stride: 2 },
  { from: 32, to: 64, kernel: 3, stride: 2 },
];
const CLASSES = 10;

/**
 * A small convolutional network with random weights, as ONNX bytes: FP32 "image" [batch,3,224,224]
 * to "scores" [batch,10]; 600 KB of input in binary, 1-2 MB as JSON, and little to compute.
 */
export function imageModel(): Uint8Array {
  const random = randomStream(3);
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  for (const [index, layer] of LAYERS.entries()) {
    const { from, to, kernel, stride } = layer;
    const scale = Math.sqrt(2 / (from * kernel * kernel));
    const pad = kernel >> 1;
    const dims = [to, from, kernel, kernel];
    tensors.push(weights(`w${index}`, dims, () => (random() * 2 - 1) * scale));
    nodes.push(
      {
        opType: "Conv",
        input: [index === 0 ? "image" : `r${index - 1}`, `w${index}`],
        output: [`c${index}`],
        attribute: [
          intsAttribute("kernel_shape", [kernel, kernel]),
          intsAttribute("strides", [stride, stride]),
          intsAttribute("pads", [pad, pad, pad, pad]),
        ],
      },
      { opType: "Relu", input: [`c${index}`], output: [`r${index}`] },
    );
  }
  tensors.push(weights("classes", [LAYERS.at(-1)?.to ?? 0, CLASSES], () => random() * 2 - 1));
  nodes.push(
    { opType: "GlobalAveragePool", input: [`r${LAYERS.length - 1}`], output: ["pooled"] },
    {
      opType: "Flatten",
      input: ["pooled"],
      output: ["flat"],
      attribute: [intAttribute("axis", 1)],
    },
    { opType: "Gemm", input: ["flat", "classes"], output: ["scores"] },
  );
  return modelBytes({
    name: "image",
    nodes,
    weights: tensors,
    inputs: [floats("image", ["batch", 3, 224, 224])],
    outputs: [floats("scores", ["batch", CLASSES])],
  });
}
