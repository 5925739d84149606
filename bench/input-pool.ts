import type { InferInput, ModelDescription } from "../protocols/client/inference-client.ts";
import { arrayOf, type Datatype } from "../protocols/core/datatype.ts";
import type { TensorSignature } from "../protocols/core/signature.ts";
import { elementCount, type Tensor, type TensorData } from "../protocols/core/tensor.ts";
import { randomStream } from "./random.ts";

/** Different bodies, so that no cache on the way answers for the model. */
const POOL_SIZE = 64;
/** Fewer for large tensors: the pool is encoded once per generator thread and kept. */
const POOL_ELEMENTS = 2 * 1024 * 1024;
const SEED = 20_240_501;

/**
 * Random inputs that fit the model's metadata; the same for the same metadata and shapes.
 * @param shapes by input name, in place of dimensions that the model leaves open (else 1)
 * @throws Error that names the input when a shape does not fit the model
 */
export function createInputPool(
  model: ModelDescription,
  shapes: ReadonlyMap<string, readonly number[]>,
): InferInput[] {
  for (const name of shapes.keys()) {
    if (!model.inputs.some((input) => input.name === name)) {
      const known = model.inputs.map((input) => input.name).join(", ");
      throw new Error(`--shape ${name}=…: the model's inputs are ${known}`);
    }
  }
  const concrete = model.inputs.map((input) => concreteShape(input, shapes.get(input.name)));
  const elements = concrete.reduce((sum, shape) => sum + elementCount("input", shape), 0);
  const size = Math.max(1, Math.min(POOL_SIZE, Math.floor(POOL_ELEMENTS / Math.max(1, elements))));
  const random = randomStream(SEED);
  return Array.from({ length: size }, () => ({
    inputs: model.inputs.map((input, i) => randomTensor(input, concrete[i] ?? [], random)),
    outputs: null,
  }));
}

function concreteShape(input: TensorSignature, asked: readonly number[] | undefined): number[] {
  if (asked === undefined) return input.shape.map((dim) => (dim === -1 ? 1 : dim));
  const fits =
    asked.length === input.shape.length &&
    input.shape.every((dim, i) => dim === -1 || dim === asked[i]);
  if (fits) return [...asked];
  throw new Error(
    `--shape ${input.name}=${asked.join(",")}: the model's shape is [${input.shape.join(",")}]`,
  );
}

function randomTensor(
  signature: TensorSignature,
  shape: readonly number[],
  random: () => number,
): Tensor {
  const count = elementCount(signature.name, shape);
  const { name, datatype } = signature;
  return { name, datatype, shape, data: randomData(datatype, count, random) };
}

function randomData(datatype: Datatype, count: number, random: () => number): TensorData {
  if (datatype === "BYTES") {
    return Array.from({ length: count }, () => `word${Math.floor(random() * 1000)}`);
  }
  const data = new (arrayOf(datatype))(count);
  for (let i = 0; i < count; i += 1) {
    const value = randomElement(datatype, random());
    data[i] =
      data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(value) : value;
  }
  return data;
}

/** Floats in [-1,1) with 4 digits; whole numbers 0-9, which are legal indices of most vocabularies. */
function randomElement(datatype: Datatype, random: number): number {
  switch (datatype) {
    case "FP32":
    case "FP64":
      return Math.round(random * 20_000 - 10_000) / 10_000;
    case "FP16": // the patterns of [0.5,1)
      return 0x3800 + Math.floor(random * 0x400);
    case "BF16": // likewise
      return 0x3f00 + Math.floor(random * 0x80);
    case "BOOL":
      return random < 0.5 ? 0 : 1;
    default:
      return Math.floor(random * 10);
  }
}
