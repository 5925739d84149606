import type { Datatype } from "../../../protocols/core/datatype.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";

const SAMPLES: Readonly<Record<Datatype, () => Tensor["data"]>> = {
  BOOL: () => Uint8Array.from([1, 0, 1]),
  UINT8: () => Uint8Array.from([0, 128, 255]),
  UINT16: () => Uint16Array.from([0, 1, 65_535]),
  UINT32: () => Uint32Array.from([0, 1, 4_294_967_295]),
  UINT64: () => BigUint64Array.from([0n, 9_007_199_254_740_993n, 18_446_744_073_709_551_615n]),
  INT8: () => Int8Array.from([-128, 0, 127]),
  INT16: () => Int16Array.from([-32_768, 0, 32_767]),
  INT32: () => Int32Array.from([-2_147_483_648, 0, 2_147_483_647]),
  INT64: () => BigInt64Array.from([-1n, 9_007_199_254_740_993n, -(2n ** 63n)]),
  FP16: () => Uint16Array.from([0x3c00, 0xc100, 0x7bff]),
  BF16: () => Uint16Array.from([0x3f80, 0xc020, 0x4780]),
  FP32: () => Float32Array.from([1.5, -0, 3.4e38]),
  FP64: () => Float64Array.from([Math.PI, -0, 1e308]),
  BYTES: () => ["", "é", "a b"],
};

/** Three elements at the edges of what the datatype holds, [1,3]. */
export function sampleOf(datatype: Datatype): Tensor {
  return { name: "x", datatype, shape: [1, 3], data: SAMPLES[datatype]() };
}
