import fc from "fast-check";
import { arrayOf, type Datatype } from "../core/datatype.ts";
import type { InferRequest, InferResponse, Parameters, ParameterValue } from "../core/infer.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";

/** fast-check generators of legal messages; values stay inside what every wire form can carry. */

const NAME = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });

function values(datatype: Datatype, count: number): fc.Arbitrary<TensorData> {
  const exactly = { minLength: count, maxLength: count };
  switch (datatype) {
    case "BYTES":
      return fc.array(fc.string({ unit: "grapheme", maxLength: 8 }), exactly);
    case "BOOL":
      return fc.uint8Array({ ...exactly, max: 1 });
    case "FP32":
      return fc.float32Array({ ...exactly, noNaN: true, noDefaultInfinity: true });
    case "FP64":
      return fc.float64Array({ ...exactly, noNaN: true, noDefaultInfinity: true });
    default: {
      const ArrayType = arrayOf(datatype);
      const bytes = count * ArrayType.BYTES_PER_ELEMENT;
      return fc
        .uint8Array({ minLength: bytes, maxLength: bytes })
        .map((raw) => new ArrayType(raw.slice().buffer, 0, count));
    }
  }
}

export function arbitraryTensor(datatypes: readonly Datatype[]): fc.Arbitrary<Tensor> {
  return fc
    .record({
      name: NAME,
      datatype: fc.constantFrom(...datatypes),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    })
    .chain((head) => {
      const count = head.shape.reduce((product, dim) => product * dim, 1);
      return values(head.datatype, count).map((data) => ({ ...head, data }));
    });
}

const VALUE: fc.Arbitrary<ParameterValue> = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
);

const PARAMETERS: fc.Arbitrary<Parameters> = fc
  .array(
    fc.tuple(
      NAME.map((name) => `p${name}`),
      VALUE,
    ),
    { maxLength: 3 },
  )
  .map((entries) => new Map(entries));

const ID = fc.option(fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }));

export function arbitraryRequest(datatypes: readonly Datatype[]): fc.Arbitrary<InferRequest> {
  return fc.record({
    id: ID,
    parameters: PARAMETERS,
    inputs: fc.array(arbitraryTensor(datatypes), { minLength: 1, maxLength: 4 }),
    outputs: fc.option(
      fc.array(fc.record({ name: NAME, parameters: PARAMETERS }), { minLength: 1, maxLength: 3 }),
    ),
    isTyped: fc.constant(false),
  });
}

export function arbitraryResponse(datatypes: readonly Datatype[]): fc.Arbitrary<InferResponse> {
  return fc.record({
    modelName: NAME,
    modelVersion: fc.nat().map(String),
    id: ID,
    parameters: PARAMETERS,
    outputs: fc.array(arbitraryTensor(datatypes), { maxLength: 4 }),
  });
}
