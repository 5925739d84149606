import type { InferResponse } from "../protocols/core/infer.ts";
import type { TensorSignature } from "../protocols/core/signature.ts";
import { elementCount, type Tensor } from "../protocols/core/tensor.ts";
import { explainTensorDifference } from "./tensor-difference.ts";

/** Besides the first answer to every input, one answer in this many is decoded and compared. */
const CHECK_ONE_IN = 16;

/**
 * Whether answers are right: the outputs that the model's metadata names, in datatype, shape and
 * count; and the same values as the first answer to the same input.
 */
export class AnswerCheck {
  readonly #outputs: readonly TensorSignature[];
  readonly #comparesValues: boolean;
  readonly #first = new Map<number, readonly Tensor[]>();

  /** @param comparesValues false for models that are random by design */
  constructor(outputs: readonly TensorSignature[], comparesValues: boolean) {
    this.#outputs = outputs;
    this.#comparesValues = comparesValues;
  }

  wants(index: number, sequence: number): boolean {
    return !this.#first.has(index) || sequence % CHECK_ONE_IN === 0;
  }

  /** null when the answer is right. */
  explain(index: number, answer: InferResponse): string | null {
    if (answer.outputs.length !== this.#outputs.length) {
      return `expected ${this.#outputs.length} outputs, got ${answer.outputs.length}`;
    }
    for (const wanted of this.#outputs) {
      const problem = explainOutput(
        wanted,
        answer.outputs.find((t) => t.name === wanted.name),
      );
      if (problem !== null) return problem;
    }
    return this.#explainValues(index, answer.outputs);
  }

  #explainValues(index: number, outputs: readonly Tensor[]): string | null {
    const first = this.#first.get(index);
    if (first === undefined) {
      this.#first.set(index, outputs);
      return null;
    }
    if (!this.#comparesValues) return null;
    for (const wanted of first) {
      const output = outputs.find((t) => t.name === wanted.name);
      const problem = output === undefined ? null : explainTensorDifference(wanted, output);
      if (problem !== null) return `input ${index} of the pool: ${problem}`;
    }
    return null;
  }
}

function explainOutput(wanted: TensorSignature, output: Tensor | undefined): string | null {
  const what = `output '${wanted.name}'`;
  if (output === undefined) return `${what} is missing`;
  if (output.datatype !== wanted.datatype) {
    return `${what}: expected ${wanted.datatype}, got ${output.datatype}`;
  }
  const fits =
    output.shape.length === wanted.shape.length &&
    wanted.shape.every((dim, i) => dim === -1 || dim === output.shape[i]);
  if (!fits) {
    return `${what}: expected shape [${wanted.shape.join(",")}], got [${output.shape.join(",")}]`;
  }
  const count = elementCount(output.name, output.shape);
  return output.data.length === count
    ? null
    : `${what}: expected ${count} elements, got ${output.data.length}`;
}
