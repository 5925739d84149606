import type { Datatype } from "../core/datatype.ts";
import type { TensorSignature } from "../core/signature.ts";
import { ModelFormatError } from "./model-format-error.ts";
import {
  intField,
  type MessageReader,
  messageField,
  singleMessageField,
  textField,
} from "./walk-fields.ts";

/** One declared input or output of the graph, before it is known to be representable. */
export interface ValueInfo {
  name: string;
  /** "tensor", or what stands in its place. */
  kind: "none" | "tensor" | "sequence" | "map" | "opaque" | "sparse tensor" | "optional";
  /** TensorProto.DataType. */
  elementType: number;
  /** null: the rank is not declared. */
  dims: Dim[] | null;
}

interface Dim {
  /** null: not a number. */
  size: bigint | null;
  symbol: string | null;
}

/** TensorProto.DataType (onnx.proto) as an Open Inference Protocol datatype. */
const DATATYPE: ReadonlyMap<number, Datatype> = new Map([
  [1, "FP32"],
  [2, "UINT8"],
  [3, "INT8"],
  [4, "UINT16"],
  [5, "INT16"],
  [6, "INT32"],
  [7, "INT64"],
  [8, "BYTES"],
  [9, "BOOL"],
  [10, "FP16"],
  [11, "FP64"],
  [12, "UINT32"],
  [13, "UINT64"],
  [16, "BF16"],
]);

const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [14, "complex64"],
  [15, "complex128"],
  [17, "float8e4m3fn"],
  [18, "float8e4m3fnuz"],
  [19, "float8e5m2"],
  [20, "float8e5m2fnuz"],
  [21, "uint4"],
  [22, "int4"],
  [23, "float4e2m1"],
  [24, "float8e8m0"],
]);

/** As many dimensions as a request's tensor may have (DEFAULT_LIMITS.maxDims). */
const MAX_RANK = 16;

/** Reads a ValueInfoProto into a new entry of `list`. */
export function openValueInfo(depth: number, list: ValueInfo[]): MessageReader {
  const info: ValueInfo = { name: "", kind: "none", elementType: 0, dims: null };
  list.push(info);
  const name = textField((text) => {
    info.name = text;
  });
  const type = singleMessageField("an input's or output's type", depth, (at) => ({
    fields: {
      1: singleMessageField("a tensor type", at, (next) => openTensorType(next, info)),
      4: kindField(at, info, "sequence"),
      5: kindField(at, info, "map"),
      7: kindField(at, info, "opaque"),
      8: kindField(at, info, "sparse tensor"),
      9: kindField(at, info, "optional"),
    },
    done: null,
  }));
  return { fields: { 1: name, 2: type }, done: null };
}

function kindField(depth: number, into: ValueInfo, kind: ValueInfo["kind"]) {
  return messageField(depth, () => {
    into.kind = kind;
    return { fields: {}, done: null };
  });
}

function openTensorType(depth: number, into: ValueInfo): MessageReader {
  into.kind = "tensor";
  const elementType = intField((type) => {
    into.elementType = Number(type);
  });
  const shape = singleMessageField("a shape", depth, (at) => {
    const dims: Dim[] = [];
    into.dims = dims;
    return { fields: { 1: messageField(at, () => openDim(dims)) }, done: null };
  });
  return { fields: { 1: elementType, 2: shape }, done: null };
}

function openDim(dims: Dim[]): MessageReader {
  const dim: Dim = { size: null, symbol: null };
  dims.push(dim);
  // A oneof: the last one counts.
  const size = intField((value) => {
    dim.size = value;
    dim.symbol = null;
  });
  const symbol = textField((text) => {
    dim.size = null;
    dim.symbol = text;
  });
  return { fields: { 1: size, 2: symbol }, done: null };
}

/** @throws ModelFormatError naming the tensor and what it is instead. */
export function toTensorSignature(role: "input" | "output", info: ValueInfo): TensorSignature {
  const what = `${role} '${info.name}'`;
  if (info.name === "") throw new ModelFormatError(`an ${role} has no name`);
  if (info.kind !== "tensor") {
    const found = info.kind === "none" ? "has no type" : `is a ${info.kind}`;
    throw new ModelFormatError(`${what} ${found}; only tensors can be served`);
  }
  const datatype = DATATYPE.get(info.elementType);
  if (datatype === undefined) {
    const name = UNSUPPORTED.get(info.elementType) ?? `number ${info.elementType}`;
    throw new ModelFormatError(`${what} has element type ${name}, which has no wire datatype`);
  }
  if (info.dims === null) {
    throw new ModelFormatError(`${what} has no shape; its number of dimensions must be declared`);
  }
  if (info.dims.length > MAX_RANK) {
    throw new ModelFormatError(`${what} has ${info.dims.length} dimensions, more than ${MAX_RANK}`);
  }
  return { name: info.name, datatype, shape: info.dims.map((dim) => toSize(what, dim)) };
}

function toSize(what: string, dim: Dim): number {
  if (dim.size === null || dim.size < 0n) return -1;
  if (dim.size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ModelFormatError(`${what} has a dimension of ${dim.size}`);
  }
  return Number(dim.size);
}
