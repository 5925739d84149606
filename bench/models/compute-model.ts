import { randomStream } from "../random.ts";
import {
  floats,
  intAttribute,
  intsAttribute,
  modelBytes,
  type OnnxNode,
  weights,
} from "./onnx-graph.ts";

const STEPS = 64;
const NARROW = 8;
const WIDE = 512;
const LAYERS = 16;
const OUTPUTS = 8;

/**
 * All compute and few bytes, as ONNX bytes: FP32 "x" [batch,64,8] to "y" [batch,8] through 16
 * products of [64,512] with [512,512]: 0.27 billion multiplications a row, which take one core of a
 * server about 5-10 ms. The layers share two matrices, so that the weights stay in the cache and
 * rows cost the same in any batch.
 */
export function computeModel(): Uint8Array {
  const random = randomStream(4);
  const uniform = (rows: number) => () => (random() * 2 - 1) * Math.sqrt(3 / rows);
  const nodes: OnnxNode[] = [{ opType: "MatMul", input: ["x", "widen"], output: ["r0"] }];
  for (let layer = 1; layer <= LAYERS; layer += 1) {
    nodes.push(
      { opType: "MatMul", input: [`r${layer - 1}`, `w${layer % 2}`], output: [`h${layer}`] },
      { opType: "Relu", input: [`h${layer}`], output: [`r${layer}`] },
    );
  }
  nodes.push(
    {
      opType: "ReduceMean",
      input: [`r${LAYERS}`],
      output: ["mean"],
      attribute: [intsAttribute("axes", [1]), intAttribute("keepdims", 0)],
    },
    { opType: "Gemm", input: ["mean", "narrow"], output: ["y"] },
  );
  return modelBytes({
    name: "compute",
    nodes,
    weights: [
      weights("widen", [NARROW, WIDE], uniform(NARROW)),
      weights("w0", [WIDE, WIDE], uniform(WIDE)),
      weights("w1", [WIDE, WIDE], uniform(WIDE)),
      weights("narrow", [WIDE, OUTPUTS], uniform(WIDE)),
    ],
    inputs: [floats("x", ["batch", STEPS, NARROW])],
    outputs: [floats("y", ["batch", OUTPUTS])],
  });
}
