import type { Datatype } from "../protocols/core/datatype.ts";
import { fromHalfBits } from "../protocols/core/half.ts";
import type { Tensor } from "../protocols/core/tensor.ts";

/** Batching reorders sums: equal to a few units in the last places of FP32, not bit for bit. */
const ABSOLUTE = 1e-4;
const RELATIVE = 1e-3;
/** FP16 and BF16 keep 11 and 8 bits. */
const RELATIVE_16_BIT = 2e-2;

/** Where `got` differs from `wanted` in shape or beyond rounding, or null. NaN equals NaN. */
export function explainTensorDifference(wanted: Tensor, got: Tensor): string | null {
  if (wanted.shape.join() !== got.shape.join() || wanted.data.length !== got.data.length) {
    return `'${got.name}': first answered shape [${wanted.shape.join(",")}], now [${got.shape.join(",")}]`;
  }
  for (let i = 0; i < wanted.data.length; i += 1) {
    const before = realValue(wanted.datatype, wanted.data[i] ?? 0);
    const now = realValue(got.datatype, got.data[i] ?? 0);
    if (!isClose(wanted.datatype, before, now)) {
      return `'${got.name}'[${i}]: first answered ${before}, now ${now}`;
    }
  }
  return null;
}

type Element = number | bigint | string;

function isClose(datatype: Datatype, a: Element, b: Element): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (typeof a !== "number" || typeof b !== "number") return false;
  if (datatype !== "FP32" && datatype !== "FP64" && !is16Bit(datatype)) return false;
  const relative = is16Bit(datatype) ? RELATIVE_16_BIT : RELATIVE;
  return Math.abs(a - b) <= ABSOLUTE + relative * Math.abs(a);
}

function is16Bit(datatype: Datatype): boolean {
  return datatype === "FP16" || datatype === "BF16";
}

/** FP16 and BF16 travel as bit patterns. */
function realValue(datatype: Datatype, element: Element): Element {
  if (typeof element !== "number") return element;
  return datatype === "FP16" || datatype === "BF16" ? fromHalfBits(element, datatype) : element;
}
