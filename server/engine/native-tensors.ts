import {
  ELEMENT_TYPES,
  type NativeAddon,
  type NativeData,
  type NativeOutput,
  type NativeSessionId,
  type NativeTensorInfo,
} from "../../native/addon.ts";
import type { Datatype } from "../../protocols/core/datatype.ts";
import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import type { Tensor, TensorData } from "../../protocols/core/tensor.ts";

const DATATYPE_OF = new Map<number, Datatype>(
  Object.entries(ELEMENT_TYPES).map(([datatype, type]) => [type, datatype as Datatype]),
);

/** @throws Error when the graph has an input or output that is no tensor of a datatype we know */
export function signatureOfSession(addon: NativeAddon, session: NativeSessionId): Signature {
  const { inputs, outputs } = addon.signatureOf(session);
  return { inputs: inputs.map(toSignature), outputs: outputs.map(toSignature) };
}

function toSignature({ name, elementType, shape }: NativeTensorInfo): TensorSignature {
  const datatype = DATATYPE_OF.get(elementType);
  if (datatype === undefined) {
    throw new Error(`'${name}' is not a tensor of a datatype that this engine can carry`);
  }
  return { name, datatype, shape };
}

function toTensor(fact: TensorSignature, output: NativeOutput): Tensor {
  return {
    name: fact.name,
    datatype: fact.datatype,
    shape: output.shape,
    data: output.data as TensorData,
  };
}

/** Tensors over the memory of outputs. */
export function toTensors(
  facts: readonly TensorSignature[],
  outputs: readonly NativeOutput[],
): Tensor[] {
  const tensors: Tensor[] = [];
  for (let i = 0; i < outputs.length; i += 1) {
    tensors.push(toTensor(facts[i] as TensorSignature, outputs[i] as NativeOutput));
  }
  return tensors;
}

/** A job's rows of a stacked output: a view, or a slice of strings. */
export function rowsOfOutput(
  fact: TensorSignature,
  output: NativeOutput,
  fromRow: number,
  rows: number,
): Tensor {
  const { data, shape } = output;
  const perRow = data.length / (shape[0] as number);
  return {
    name: fact.name,
    datatype: fact.datatype,
    shape: shapeOfRows(shape, rows),
    data: viewOf(data, fromRow * perRow, (fromRow + rows) * perRow),
  };
}

function shapeOfRows(shape: readonly number[], rows: number): readonly number[] {
  const own = [rows];
  for (let i = 1; i < shape.length; i += 1) own.push(shape[i] as number);
  return own;
}

function viewOf(data: NativeData, from: number, to: number): TensorData {
  return Array.isArray(data)
    ? data.slice(from, to)
    : (data as Exclude<NativeData, readonly string[]>).subarray(from, to);
}
