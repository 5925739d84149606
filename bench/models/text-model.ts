import { TensorProto_DataType } from "onnx-buf";
import { modelBytes, value } from "./onnx-graph.ts";

/** BYTES "text" [batch,4] to "same" [batch,4], unchanged, as ONNX bytes: strings in, strings out. */
export function textModel(): Uint8Array {
  const dims = ["batch", 4];
  return modelBytes({
    name: "text",
    nodes: [{ opType: "Identity", input: ["text"], output: ["same"] }],
    weights: [],
    inputs: [value("text", TensorProto_DataType.STRING, dims)],
    outputs: [value("same", TensorProto_DataType.STRING, dims)],
  });
}
