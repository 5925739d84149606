import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type GraphProto,
  ModelProtoSchema,
  TensorProto_DataType as Onnx,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
} from "onnx-buf";
import { arrayOf, type Datatype } from "../../../protocols/core/datatype.ts";
import { elementCount, type Tensor, viewBytes } from "../../../protocols/core/tensor.ts";

/** One case of ONNX's own backend tests, as Debian's libonnx-testdata has them. */
export interface OnnxCase {
  /** Folder name, a legal model name: test_add. */
  readonly name: string;
  readonly model: Uint8Array;
  /** In the graph's order, named as there. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** The folders of all cases, sorted. @throws Error where `data` is not there */
export function listCases(data: string): readonly string[] {
  return readdirSync(data)
    .flatMap((group) => readdirSync(join(data, group)).map((name) => join(data, group, name)))
    .filter((folder) => existsSync(join(folder, "model.onnx")))
    .sort();
}

/** A case about sequences or optional values has its model only: nothing may take that. */
export function readCase(folder: string): OnnxCase {
  const name = basename(folder);
  const model = readFileSync(join(folder, "model.onnx"));
  const { graph } = fromBinary(ModelProtoSchema, model);
  if (graph === undefined) throw new Error(`${name}: no graph`);
  if (![...graph.input, ...graph.output].every(isTensor)) {
    return { name, model, inputs: [], outputs: [] };
  }
  const read = (kind: "input" | "output") => readTensors(folder, graph, kind);
  return { name, model, inputs: read("input"), outputs: read("output") };
}

function isTensor(value: ValueInfoProto): boolean {
  return value.type?.value.case === "tensorType";
}

function elementTypeOf({ type }: ValueInfoProto): Onnx {
  return type?.value.case === "tensorType" ? type.value.value.elemType : Onnx.UNDEFINED;
}

function readTensors(folder: string, graph: GraphProto, kind: "input" | "output"): Tensor[] {
  const tensors: Tensor[] = [];
  for (const [i, value] of graph[kind].entries()) {
    const file = join(folder, "test_data_set_0", `${kind}_${i}.pb`);
    // An input without a file has its default in the graph.
    if (!existsSync(file)) continue;
    const tensor = toTensor(value.name, fromBinary(TensorProtoSchema, readFileSync(file)));
    // The package keeps bfloat16 as plain 16-bit patterns; the graph knows better.
    const isBrain = tensor.datatype === "UINT16" && elementTypeOf(value) === Onnx.BFLOAT16;
    tensors.push(isBrain ? { ...tensor, datatype: "BF16" } : tensor);
  }
  return tensors;
}

const DATATYPES = new Map<Onnx, Datatype>([
  [Onnx.BOOL, "BOOL"],
  [Onnx.UINT8, "UINT8"],
  [Onnx.UINT16, "UINT16"],
  [Onnx.UINT32, "UINT32"],
  [Onnx.UINT64, "UINT64"],
  [Onnx.INT8, "INT8"],
  [Onnx.INT16, "INT16"],
  [Onnx.INT32, "INT32"],
  [Onnx.INT64, "INT64"],
  [Onnx.FLOAT16, "FP16"],
  [Onnx.BFLOAT16, "BF16"],
  [Onnx.FLOAT, "FP32"],
  [Onnx.DOUBLE, "FP64"],
  [Onnx.STRING, "BYTES"],
]);

function toTensor(name: string, proto: TensorProto): Tensor {
  const datatype = DATATYPES.get(proto.dataType);
  if (datatype === undefined) {
    throw new Error(`'${name}' is of element type ${Onnx[proto.dataType] ?? "none"}`);
  }
  const shape = proto.dims.map(Number);
  if (datatype === "BYTES") {
    const decoder = new TextDecoder();
    const data = proto.stringData.map((bytes) => decoder.decode(bytes));
    return { name, datatype, shape, data };
  }
  if (proto.rawData.byteLength > 0) {
    return { name, datatype, shape, data: viewBytes(datatype, Uint8Array.from(proto.rawData)) };
  }
  const data = new (arrayOf(datatype))(elementCount(name, shape));
  const typed = typedField(proto);
  for (let i = 0; i < data.length; i += 1) data[i] = typed[i] as never;
  return { name, datatype, shape, data };
}

/** onnx.proto, TensorProto: which field holds the values when raw_data does not. */
function typedField(proto: TensorProto): ArrayLike<number | bigint> {
  switch (proto.dataType) {
    case Onnx.FLOAT:
      return proto.floatData;
    case Onnx.DOUBLE:
      return proto.doubleData;
    case Onnx.INT64:
      return proto.int64Data;
    case Onnx.UINT64:
      return proto.uint64Data;
    case Onnx.UINT32:
      return proto.uint64Data.map(Number);
    default:
      return proto.int32Data;
  }
}
