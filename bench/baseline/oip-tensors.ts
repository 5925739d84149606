import { Tensor as OrtTensor } from "onnxruntime-node";
import { arrayOf, type Datatype } from "../../protocols/core/datatype.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";

/** Tensors of the baselines: the plain conversions of somebody who uses onnxruntime-node directly. */

const TO_ORT: Readonly<Record<Exclude<Datatype, "BF16">, OrtTensor.Type>> = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
};

const FROM_ORT = new Map<string, string>(
  Object.entries(TO_ORT).map(([datatype, type]) => [type, datatype]),
);

/** A tensor as it stands in an Open Inference Protocol JSON body. */
export interface JsonTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly data: unknown[];
}

/** @throws Error for BF16, which onnxruntime-node does not have */
export function toOrt(tensor: Tensor): OrtTensor {
  return new OrtTensor(ortType(tensor.datatype), tensor.data as never, tensor.shape);
}

/** @throws TypeError or Error for what does not fit together */
export function jsonToOrt(tensor: JsonTensor): OrtTensor {
  const datatype = tensor.datatype as Datatype;
  const flat = tensor.data.flat(Number.POSITIVE_INFINITY);
  if (datatype === "BYTES") return new OrtTensor("string", flat as string[], tensor.shape);
  const is64Bit = datatype === "INT64" || datatype === "UINT64";
  const values = is64Bit ? flat.map((value) => BigInt(value as number)) : flat;
  const ArrayType = arrayOf(datatype) as unknown as { from(values: unknown[]): never };
  return new OrtTensor(ortType(datatype), ArrayType.from(values), tensor.shape);
}

export function ortToJson(name: string, tensor: OrtTensor): JsonTensor {
  const values = Array.from(tensor.data as ArrayLike<unknown>, (value) =>
    typeof value === "bigint" ? Number(value) : value,
  );
  const isBool = tensor.type === "bool";
  return {
    name,
    datatype: FROM_ORT.get(tensor.type) ?? tensor.type,
    shape: [...tensor.dims],
    data: isBool ? values.map(Boolean) : values,
  };
}

function ortType(datatype: Datatype): OrtTensor.Type {
  if (datatype === "BF16") throw new Error("onnxruntime-node has no BF16");
  return TO_ORT[datatype];
}
