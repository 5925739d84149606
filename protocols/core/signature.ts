import type { Datatype } from "./datatype.ts";

/** One named input or output; -1 marks a dimension of any size. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /**
   * Inputs only: JSON null is a missing value (NaN; "" for BYTES). Present only where it is true, so
   * that what was written before the key existed reads and hashes as it did.
   */
  readonly nullable?: boolean;
}

/** Datatypes that have a value for "missing": NaN, and the empty text. */
export const NULLABLE_DATATYPES: ReadonlySet<Datatype> = new Set([
  "FP16",
  "BF16",
  "FP32",
  "FP64",
  "BYTES",
]);

/** What a version takes and gives. */
export interface Signature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/**
 * Why a client of `from` could break on `to`, or null when it cannot. A new version may widen what
 * it takes (a fixed dimension becomes -1, an input takes missing values) and add outputs; nothing else.
 */
export function explainIncompatibility(from: Signature, to: Signature): string | null {
  for (const input of to.inputs) {
    const old = from.inputs.find((t) => t.name === input.name);
    if (old === undefined) return `input '${input.name}' is new`;
    const why = explainInput(old, input);
    if (why !== null) return why;
  }
  for (const old of from.inputs) {
    if (!to.inputs.some((t) => t.name === old.name)) return `input '${old.name}' is gone`;
  }
  for (const old of from.outputs) {
    const output = to.outputs.find((t) => t.name === old.name);
    if (output === undefined) return `output '${old.name}' is gone`;
    const why = explainTensor("output", old, output, (had, has) => had === -1 || has === had);
    if (why !== null) return why;
  }
  return null;
}

function explainInput(old: TensorSignature, next: TensorSignature): string | null {
  const why = explainTensor("input", old, next, (had, has) => has === -1 || has === had);
  if (why !== null || old.nullable !== true || next.nullable === true) return why;
  return `input '${old.name}' took missing values and no longer does`;
}

function explainTensor(
  role: "input" | "output",
  old: TensorSignature,
  next: TensorSignature,
  fits: (had: number, has: number) => boolean,
): string | null {
  const what = `${role} '${old.name}'`;
  if (old.datatype !== next.datatype)
    return `${what} was ${old.datatype} and is now ${next.datatype}`;
  const same = old.shape.length === next.shape.length;
  if (same && old.shape.every((dim, i) => fits(dim, next.shape[i] as number))) return null;
  return `${what} had shape [${old.shape.join(",")}] and now has [${next.shape.join(",")}]`;
}
