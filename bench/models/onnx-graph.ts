import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";

export type OnnxNode = MessageInitShape<typeof NodeProtoSchema>;
export type OnnxTensor = MessageInitShape<typeof TensorProtoSchema>;
export type OnnxValue = MessageInitShape<typeof ValueInfoProtoSchema>;
type Attribute = MessageInitShape<typeof AttributeProtoSchema>;

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly weights: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** A whole model file: IR 8, opset 17, ai.onnx.ml 3. */
export function modelBytes(graph: OnnxGraph): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "sluice-bench",
    opsetImport: [
      { domain: "", version: 17n },
      { domain: "ai.onnx.ml", version: 3n },
    ],
    graph: {
      name: graph.name,
      node: [...graph.nodes],
      initializer: [...graph.weights],
      input: [...graph.inputs],
      output: [...graph.outputs],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** A name is a free dimension. */
export function floats(name: string, dims: readonly (number | string)[]): OnnxValue {
  return value(name, TensorProto_DataType.FLOAT, dims);
}

export function value(
  name: string,
  elemType: TensorProto_DataType,
  dims: readonly (number | string)[],
): OnnxValue {
  const dim = dims.map((size) =>
    typeof size === "string"
      ? { value: { case: "dimParam" as const, value: size } }
      : { value: { case: "dimValue" as const, value: BigInt(size) } },
  );
  return { name, type: { value: { case: "tensorType", value: { elemType, shape: { dim } } } } };
}

/** FP32 weights filled from `next`, row by row. */
export function weights(name: string, dims: readonly number[], next: () => number): OnnxTensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, next);
  return {
    name,
    dataType: TensorProto_DataType.FLOAT,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(data.buffer),
  };
}

export function intAttribute(name: string, i: number): Attribute {
  return { name, type: AttributeProto_AttributeType.INT, i: BigInt(i) };
}

export function intsAttribute(name: string, ints: readonly number[]): Attribute {
  return { name, type: AttributeProto_AttributeType.INTS, ints: ints.map(BigInt) };
}

export function floatsAttribute(name: string, values: readonly number[]): Attribute {
  return { name, type: AttributeProto_AttributeType.FLOATS, floats: [...values] };
}

export function textsAttribute(name: string, texts: readonly string[]): Attribute {
  const encoder = new TextEncoder();
  const strings = texts.map((text) => encoder.encode(text));
  return { name, type: AttributeProto_AttributeType.STRINGS, strings };
}
