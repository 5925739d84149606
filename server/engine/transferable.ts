import type { Tensor } from "../../protocols/core/tensor.ts";

/** Below this a structured clone is cheaper than a transfer. */
const TRANSFER_MIN_BYTES = 4096;

/**
 * Prepares tensors for postMessage: large ones that own their buffer are listed for transfer, and
 * views into a larger buffer are copied out first, because cloning a view clones all of its buffer.
 * The tensors belong to the receiver afterwards.
 */
export function packTensors(tensors: readonly Tensor[], transferList: ArrayBuffer[]): Tensor[] {
  const own: ArrayBuffer[] = [];
  const packed = tensors.map((tensor) => packTensor(tensor, own));
  transferList.push(...own);
  return packed;
}

function packTensor(tensor: Tensor, transferList: ArrayBuffer[]): Tensor {
  const { data } = tensor;
  if (Array.isArray(data)) return tensor;
  const ownsBuffer = data.byteLength === data.buffer.byteLength;
  const own = ownsBuffer ? data : data.slice();
  const buffer = own.buffer as ArrayBuffer;
  const isNew = !transferList.includes(buffer);
  if (own.byteLength >= TRANSFER_MIN_BYTES && isNew) transferList.push(buffer);
  return ownsBuffer ? tensor : { ...tensor, data: own };
}
