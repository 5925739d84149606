import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";

/** Parts of an ONNX graph (onnx.proto), as plain objects for `create` of @bufbuild/protobuf. */

export type GraphNode = MessageInitShape<typeof NodeProtoSchema>;
export type GraphValue = MessageInitShape<typeof ValueInfoProtoSchema>;
export type GraphTensor = MessageInitShape<typeof TensorProtoSchema>;
export type GraphAttribute = MessageInitShape<typeof AttributeProtoSchema>;

/** Domain of the operators of classical machine learning. */
export const ML_DOMAIN = "ai.onnx.ml";

export function node(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: readonly GraphAttribute[] = [],
): GraphNode {
  return { opType, input: [...input], output: [output], attribute: [...attribute] };
}

export function mlNode(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: readonly GraphAttribute[],
): GraphNode {
  return { ...node(opType, input, output, attribute), domain: ML_DOMAIN };
}

/** A column of any number of rows: shape [rows, 1]. */
export function columnValue(name: string, elemType: TensorProto_DataType): GraphValue {
  const dim = [
    { value: { case: "dimParam" as const, value: "rows" } },
    { value: { case: "dimValue" as const, value: 1n } },
  ];
  return {
    name,
    type: { value: { case: "tensorType" as const, value: { elemType, shape: { dim } } } },
  };
}

/** Rank 1. */
export function doubles(name: string, data: readonly number[]): GraphTensor {
  return {
    name,
    dataType: TensorProto_DataType.DOUBLE,
    dims: [BigInt(data.length)],
    rawData: new Uint8Array(Float64Array.from(data).buffer),
  };
}

/** Rank 1. */
export function bytes(name: string, data: readonly number[]): GraphTensor {
  return {
    name,
    dataType: TensorProto_DataType.UINT8,
    dims: [BigInt(data.length)],
    rawData: Uint8Array.from(data),
  };
}

export function intAttribute(name: string, i: number): GraphAttribute {
  return { name, type: AttributeProto_AttributeType.INT, i: BigInt(i) };
}

export function intsAttribute(name: string, ints: readonly number[]): GraphAttribute {
  return { name, type: AttributeProto_AttributeType.INTS, ints: ints.map(BigInt) };
}

export function floatAttribute(name: string, f: number): GraphAttribute {
  return { name, type: AttributeProto_AttributeType.FLOAT, f };
}

export function floatsAttribute(name: string, floats: readonly number[]): GraphAttribute {
  return { name, type: AttributeProto_AttributeType.FLOATS, floats: [...floats] };
}

export function stringsAttribute(name: string, texts: readonly string[]): GraphAttribute {
  const encoder = new TextEncoder();
  return {
    name,
    type: AttributeProto_AttributeType.STRINGS,
    strings: texts.map((text) => encoder.encode(text)),
  };
}

export function tensorAttribute(name: string, t: GraphTensor): GraphAttribute {
  return { name, type: AttributeProto_AttributeType.TENSOR, t };
}
