import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { ClassExplanation } from "../models/servable.ts";
import { Placement, type PlacementOptions } from "./placement.ts";

/** Classes that one servable knows on one thread; a further one takes the place of one long unused. */
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
  readonly #startsInline: boolean;
  /** Each use moves a class one place to the front, so that the last are the least used. */
  readonly #classes: ShapeClass<T>[] = [];

  constructor(signature: Signature, options: PlacementOptions) {
    this.#outputs = signature.outputs;
    // A sample tells of one shape; with others possible it tells of none.
    const isOneShape = signature.inputs.every((input) => !input.shape.includes(-1, 1));
    const { inlineBudgetUs, sampleMs } = options;
    this.#options = { inlineBudgetUs, sampleMs: isOneShape ? sampleMs : null };
    this.#startsInline = new Placement(this.#options).isInline;
  }

  /** Whether any class runs on the serving thread now, or where there is none yet, the first would. */
  get isAnyInline(): boolean {
    if (this.#classes.length === 0) return this.#startsInline;
    for (let i = 0; i < this.#classes.length; i += 1) {
      if ((this.#classes[i] as ShapeClass<T>).placement.isInline) return true;
    }
    return false;
  }

  /** null when there is room for no further class, as jobs of all wait. REQUIRES: a validated job. */
  find(job: Shaped): ShapeClass<T> | null {
    const classes = this.#classes;
    for (let i = 0; i < classes.length; i += 1) {
      const each = classes[i] as ShapeClass<T>;
      if (!hasShapes(each.stackShapes, job.inputs)) continue;
      if (!this.#wants(each.outputs, job.outputs)) continue;
      if (i > 0) this.#moveOn(i);
      return each;
    }
    if (classes.length >= MAX_SHAPE_CLASSES && !this.#forgetOne()) return null;
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

  /** The most used first. */
  explain(nowMs: number): readonly ClassExplanation[] {
    return this.#classes.map(({ stackShapes, facts, placement }) => ({
      shapes: stackShapes.map((shape) => shape.map((size, d) => (d === 0 ? -1 : size))),
      outputs: facts.map(({ name }) => name),
      ...placement.explain(nowMs),
    }));
  }

  /** Towards the front, where a class is found sooner and forgotten later. */
  #moveOn(at: number): void {
    const classes = this.#classes;
    const each = classes[at] as ShapeClass<T>;
    classes[at] = classes[at - 1] as ShapeClass<T>;
    classes[at - 1] = each;
  }

  /** False when jobs of every class wait. */
  #forgetOne(): boolean {
    const at = this.#classes.findLastIndex(({ waiting }) => waiting.length === 0);
    if (at < 0) return false;
    this.#classes.splice(at, 1);
    return true;
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
