import type { Datatype } from "../core/datatype.ts";
import type { TensorData } from "../core/tensor.ts";

/**
 * Wire vectors that any Open Inference Protocol implementation must agree on (binary tensor data
 * extension and gRPC raw contents share them). Made with numpy and protobufjs, not with this code.
 */
export interface GoldenTensor {
  readonly datatype: Datatype;
  readonly data: TensorData;
  /** Little-endian, row-major; BYTES elements carry a uint32 length. */
  readonly hex: string;
}

export const GOLDEN_TENSORS: readonly GoldenTensor[] = [
  { datatype: "BOOL", data: Uint8Array.of(1, 0, 1), hex: "010001" },
  { datatype: "UINT8", data: Uint8Array.of(0, 255), hex: "00ff" },
  { datatype: "UINT16", data: Uint16Array.of(1, 65535), hex: "0100ffff" },
  { datatype: "UINT32", data: Uint32Array.of(1, 4294967295), hex: "01000000ffffffff" },
  {
    datatype: "UINT64",
    data: BigUint64Array.of(1n, 18446744073709551615n),
    hex: "0100000000000000ffffffffffffffff",
  },
  { datatype: "INT8", data: Int8Array.of(-1, 127), hex: "ff7f" },
  { datatype: "INT16", data: Int16Array.of(-2, 32767), hex: "feffff7f" },
  { datatype: "INT32", data: Int32Array.of(-2147483648, 1), hex: "0000008001000000" },
  {
    datatype: "INT64",
    data: BigInt64Array.of(-1n, 9007199254740993n),
    hex: "ffffffffffffffff0100000000002000",
  },
  {
    // 1.0, -2.5, 65504, 0.1
    datatype: "FP16",
    data: Uint16Array.of(0x3c00, 0xc100, 0x7bff, 0x2e66),
    hex: "003c00c1ff7b662e",
  },
  {
    // 1.0, -2.5, 65504, 0.1 rounded to nearest even
    datatype: "BF16",
    data: Uint16Array.of(0x3f80, 0xc020, 0x4780, 0x3dcd),
    hex: "803f20c08047cd3d",
  },
  { datatype: "FP32", data: Float32Array.of(1, 2), hex: "0000803f00000040" },
  { datatype: "FP64", data: Float64Array.of(1, -2.5), hex: "000000000000f03f00000000000004c0" },
  { datatype: "BYTES", data: ["a", "", "é"], hex: "01000000610000000002000000c3a9" },
];

/** ModelInferRequest{model_name m, id 42, inputs[x FP32 [1,2]], raw_input_contents[<1f,2f>]} */
export const GOLDEN_GRPC_RAW_REQUEST =
  "0a016d1a0234322a0d0a01781204465033321a0201023a080000803f00000040";
/** The same with typed fp32_contents and parameters{priority: uint64_param 1}. */
export const GOLDEN_GRPC_TYPED_REQUEST =
  "0a016d1a023432220e0a087072696f72697479120228012a190a01781204465033321a0201022a0a32080000803f00000040";
/** ModelInferResponse{model_name m, model_version 1, id 42, outputs[y FP32 [1,2]], raw_output_contents[<1f,2f>]} */
export const GOLDEN_GRPC_RESPONSE =
  "0a016d1201311a0234322a0d0a01791204465033321a02010232080000803f00000040";
