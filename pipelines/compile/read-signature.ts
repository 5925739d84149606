import { readFile } from "node:fs/promises";
import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import type { Feature } from "../train/train-spec.ts";

/** @throws ModelFormatError for a file that is no ONNX model */
export async function readSignature(path: string): Promise<Signature> {
  return inspectModel(await readFile(path)).signature;
}

/** What a graph must take for these features, in their order. */
export function inputsOf(features: readonly Feature[]): TensorSignature[] {
  return features.map(({ name, kind }) => ({
    name,
    datatype: kind === "number" ? "FP32" : "BYTES",
    shape: [-1, 1],
  }));
}

/** Why rows of these features cannot go into a graph, one line; null when they can. */
export function explainMisfit(signature: Signature, features: readonly Feature[]): string | null {
  const wanted = inputsOf(features);
  for (const input of signature.inputs) {
    if (!wanted.some(({ name }) => name === input.name)) {
      return `the model takes '${input.name}', which is no feature (${wanted.map((t) => t.name).join(", ")})`;
    }
  }
  for (const want of wanted) {
    const got = signature.inputs.find(({ name }) => name === want.name);
    if (got === undefined) return `expected an input ${describe(want)}, got none of that name`;
    const fits =
      got.datatype === want.datatype &&
      got.shape.length === 2 &&
      got.shape[0] === -1 &&
      (got.shape[1] === 1 || got.shape[1] === -1);
    if (!fits) return `expected an input ${describe(want)}, got ${describe(got)}`;
  }
  return null;
}

function describe({ name, datatype, shape }: TensorSignature): string {
  return `'${name}' ${datatype}[${shape.join(",")}]`;
}

/** The features that a graph takes, or why its inputs are none, one line. */
export function featuresTaken(signature: Signature): Feature[] | string {
  const features = signature.inputs.map(({ name, datatype }) => ({
    name,
    kind: datatype === "BYTES" ? ("text" as const) : ("number" as const),
  }));
  return explainMisfit(signature, features) ?? features;
}
