import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { Placement, type PlacementOptions } from "./placement.ts";

/** Classes that one servable learns on one thread; requests of further shapes go to the engine. */
export const MAX_SHAPE_CLASSES = 32;

/** Jobs that may be stacked with each other: equal shapes beyond dimension 0, equal outputs. */
export interface ShapeClass<T> {
  readonly placement: Placement;
  /** Indexes into the signature's outputs, in the order wanted. */
  readonly outputs: readonly number[];
  /** What the signature says of them. */
  readonly facts: readonly TensorSignature[];
  /** Per input, the shape with a dimension 0 that the stack writes its rows into. */
  readonly stackShapes: readonly number[][];
  /** What came in this turn, oldest first. */
  readonly waiting: T[];
}

/** The parts of a job that make its class. */
interface Shaped {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
}

/**
 * The shape classes of one servable on one thread, found without making a key of a request.
 * Bounded: shapes come from clients.
 */
export class ShapeClasses<T> {
  readonly #outputs: readonly TensorSignature[];
  readonly #options: PlacementOptions;
  readonly #classes: ShapeClass<T>[] = [];

  constructor(signature: Signature, options: PlacementOptions) {
    this.#outputs = signature.outputs;
    // A sample tells of one shape; with others possible it tells of none.
    const isOneShape = signature.inputs.every((input) => !input.shape.includes(-1, 1));
    const { inlineBudgetUs, sampleMs } = options;
    this.#options = { inlineBudgetUs, sampleMs: isOneShape ? sampleMs : null };
  }

  /** null when the job's class is not among the first MAX_SHAPE_CLASSES. REQUIRES: a validated job. */
  find(job: Shaped): ShapeClass<T> | null {
    for (const each of this.#classes) {
      if (hasShapes(each.stackShapes, job.inputs) && this.#wants(each.outputs, job.outputs)) {
        return each;
      }
    }
    if (this.#classes.length >= MAX_SHAPE_CLASSES) return null;
    const outputs = this.outputIndexes(job.outputs);
    const added: ShapeClass<T> = {
      placement: new Placement(this.#options),
      outputs,
      facts: this.factsOf(outputs),
      stackShapes: job.inputs.map((input) => [...input.shape]),
      waiting: [],
    };
    this.#classes.push(added);
    return added;
  }

  outputIndexes(names: readonly string[]): readonly number[] {
    return names.map((name) => this.#outputs.findIndex((output) => output.name === name));
  }

  factsOf(indexes: readonly number[]): readonly TensorSignature[] {
    return indexes.map((index) => this.#outputs[index] as TensorSignature);
  }

  #wants(indexes: readonly number[], names: readonly string[]): boolean {
    if (indexes.length !== names.length) return false;
    for (let i = 0; i < indexes.length; i += 1) {
      if (this.#outputs[indexes[i] as number]?.name !== names[i]) return false;
    }
    return true;
  }
}

function hasShapes(shapes: readonly (readonly number[])[], inputs: readonly Tensor[]): boolean {
  for (let i = 0; i < shapes.length; i += 1) {
    const wanted = shapes[i] as readonly number[];
    const { shape } = inputs[i] as Tensor;
    if (wanted.length !== shape.length) return false;
    for (let d = 1; d < wanted.length; d += 1) if (wanted[d] !== shape[d]) return false;
  }
  return true;
}
