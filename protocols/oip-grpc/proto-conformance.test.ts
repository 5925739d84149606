import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import fc from "fast-check";
import { DATATYPES, type Datatype, isDatatype } from "../core/datatype.ts";
import type { InferRequest, Parameters } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import type { Tensor } from "../core/tensor.ts";
import { arbitraryRequest, arbitraryResponse } from "../testing/arbitrary-messages.ts";
import {
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
} from "./infer-codec.ts";
import {
  decodeFlag,
  decodeHealth,
  decodeHealthQuery,
  decodeIndex,
  decodeIndexQuery,
  decodeModelMetadata,
  decodeModelRef,
  decodeServerMetadata,
  decodeSteer,
  encodeFlag,
  encodeHealth,
  encodeHealthQuery,
  encodeIndex,
  encodeIndexQuery,
  encodeModelMetadata,
  encodeModelRef,
  encodeServerMetadata,
  encodeSteer,
} from "./messages.ts";
import { encodeRaw } from "./raw-contents.ts";
import { type LoadedProto, loadProto } from "./testing/load-proto.ts";

/** The hand-written bytes against protobufjs reading inference.proto and health.proto. */

const RUNS = { numRuns: 200 };
const TYPED = DATATYPES.filter((d) => d !== "FP16" && d !== "BF16");
const CONTENTS: Readonly<Record<string, string>> = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

let proto: LoadedProto;
before(async () => {
  proto = await loadProto();
});

interface PlainTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly string[];
  readonly contents: Readonly<Record<string, readonly unknown[]>> | null;
}

/** A tensor as proto-loader shows it. */
function plainTensor(tensor: Tensor, isTyped: boolean): PlainTensor {
  const values = [...tensor.data].map((value) => {
    if (tensor.datatype === "BOOL") return value === 1;
    if (typeof value === "string") return Buffer.from(value);
    return typeof value === "bigint" ? String(value) : value;
  });
  return {
    name: tensor.name,
    datatype: tensor.datatype,
    shape: tensor.shape.map(String),
    contents: isTyped ? { [CONTENTS[tensor.datatype] as string]: values } : null,
  };
}

function plainParameters(parameters: Parameters): Record<string, object> {
  return Object.fromEntries(
    [...parameters].map(([key, value]) => {
      if (typeof value === "string") return [key, { string_param: value }];
      if (typeof value === "boolean") return [key, { bool_param: value }];
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        return [key, { double_param: value }];
      }
      return [key, { int64_param: String(value) }];
    }),
  );
}

/** Drops what protobufjs adds for absent fields, so that both sides compare by value. */
function strip(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .filter(([key]) => key !== "parameter_choice")
    .map(([key, inner]) => [key, strip(inner)] as const)
    .filter(([, inner]) => !isAbsent(inner));
  return Object.fromEntries(kept);
}

function isAbsent(value: unknown): boolean {
  if (value === null || value === "" || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function plainRequest(value: InferRequest, isTyped: boolean): object {
  return {
    model_name: "m",
    model_version: "7",
    id: value.id ?? "",
    parameters: plainParameters(value.parameters),
    inputs: value.inputs.map((tensor) => plainTensor(tensor, isTyped)),
    outputs: (value.outputs ?? []).map((output) => ({
      name: output.name,
      parameters: plainParameters(output.parameters),
    })),
    raw_input_contents: isTyped ? [] : value.inputs.map((t) => Buffer.from(encodeRaw(t))),
  };
}

/** fast-check makes objects without a prototype, at random; deepEqual sees the difference. */
function samePrototypes(value: InferRequest): InferRequest {
  const outputs = value.outputs?.map((output) => ({ ...output })) ?? null;
  return { ...value, outputs };
}

function datatypes(isTyped: boolean): readonly Datatype[] {
  return isTyped ? TYPED : DATATYPES;
}

/** protobufjs keeps parameters in plain objects and cannot hold this key. */
function isPlainKey(key: string): boolean {
  return key !== "__proto__";
}
function hasPlainKeys(value: { parameters: Parameters }): boolean {
  return [...value.parameters.keys()].every(isPlainKey);
}

for (const isTyped of [false, true]) {
  describe(`ModelInfer, ${isTyped ? "typed" : "raw"}`, () => {
    test("protobufjs reads the requests that we write", () => {
      const { requestDeserialize } = proto.method("ModelInfer");
      fc.assert(
        fc.property(arbitraryRequest(datatypes(isTyped)).filter(hasPlainKeys), (value) => {
          const wire = encodeInferRequest({ name: "m", version: "7" }, { ...value, isTyped });
          const read = requestDeserialize(Buffer.from(wire));
          assert.deepEqual(strip(read), strip(plainRequest(value, isTyped)));
        }),
        RUNS,
      );
    });

    test("we read the requests that protobufjs writes", () => {
      const { requestSerialize } = proto.method("ModelInfer");
      fc.assert(
        fc.property(arbitraryRequest(datatypes(isTyped)).filter(hasPlainKeys), (value) => {
          const wire = requestSerialize(plainRequest(value, isTyped));
          const read = decodeInferRequest(wire, DEFAULT_LIMITS);
          assert.deepEqual(read, samePrototypes({ ...value, isTyped }));
        }),
        RUNS,
      );
    });

    test("responses agree both ways", () => {
      const { responseSerialize, responseDeserialize } = proto.method("ModelInfer");
      fc.assert(
        fc.property(arbitraryResponse(datatypes(isTyped)).filter(hasPlainKeys), (value) => {
          const plain = {
            model_name: value.modelName,
            model_version: value.modelVersion,
            id: value.id ?? "",
            parameters: plainParameters(value.parameters),
            outputs: value.outputs.map((tensor) => plainTensor(tensor, isTyped)),
            raw_output_contents: isTyped ? [] : value.outputs.map((t) => Buffer.from(encodeRaw(t))),
          };
          const ours = responseDeserialize(Buffer.from(encodeInferResponse(value, isTyped)));
          assert.deepEqual(strip(ours), strip(plain));
          assert.deepEqual(decodeInferResponse(responseSerialize(plain), DEFAULT_LIMITS), {
            ...value,
          });
        }),
        RUNS,
      );
    });
  });
}

describe("the messages around inference", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 40 });
  const shape = fc.array(fc.integer({ min: -1, max: 2 ** 40 }), { maxLength: 4 });
  const signature = fc.record({ name: text, datatype: fc.constantFrom(...DATATYPES), shape });

  /** fast-check makes objects without a prototype, at random; they are to equal plain ones. */
  const plainly = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

  /** Ours read by protobufjs is `plain`; protobufjs's bytes read by us are `value`. */
  function agree<T>(
    [method, side]: readonly [string, "request" | "response"],
    value: T,
    plain: object,
    encode: (value: T) => Uint8Array,
    decode: (wire: Uint8Array) => T,
  ): void {
    const found = proto.method(method);
    const [serialize, deserialize] =
      side === "request"
        ? [found.requestSerialize, found.requestDeserialize]
        : [found.responseSerialize, found.responseDeserialize];
    assert.deepEqual(strip(deserialize(Buffer.from(encode(value)))), strip(plain));
    assert.deepEqual(plainly(decode(serialize(plain))), plainly(value));
    assert.deepEqual(plainly(decode(encode(value))), plainly(value));
  }

  test("flags", () => {
    for (const value of [true, false]) {
      agree(["ServerLive", "response"], value, { live: value }, encodeFlag, decodeFlag);
      agree(["ServerReady", "response"], value, { ready: value }, encodeFlag, decodeFlag);
      agree(["ModelReady", "response"], value, { ready: value }, encodeFlag, decodeFlag);
    }
  });

  test("model references", () => {
    const ref = fc.record({ name: text, version: fc.option(fc.string({ minLength: 1 })) });
    fc.assert(
      fc.property(ref, (value) => {
        const plain = { name: value.name, version: value.version ?? "" };
        agree(["ModelReady", "request"], value, plain, encodeModelRef, decodeModelRef);
        agree(["ModelMetadata", "request"], value, plain, encodeModelRef, decodeModelRef);
      }),
    );
  });

  test("server metadata", () => {
    const metadata = fc.record({ name: text, version: text, extensions: fc.array(text) });
    fc.assert(
      fc.property(metadata, (value) => {
        agree(
          ["ServerMetadata", "response"],
          value,
          value,
          encodeServerMetadata,
          decodeServerMetadata,
        );
      }),
    );
  });

  test("model metadata", () => {
    const metadata = fc.record({
      name: text,
      versions: fc.array(text),
      platform: text,
      inputs: fc.array(signature),
      outputs: fc.array(signature),
    });
    fc.assert(
      fc.property(metadata, (value) => {
        const flat = (list: typeof value.inputs) =>
          list.map((t) => ({ ...t, shape: t.shape.map(String) }));
        const plain = { ...value, inputs: flat(value.inputs), outputs: flat(value.outputs) };
        agree(
          ["ModelMetadata", "response"],
          value,
          plain,
          encodeModelMetadata,
          decodeModelMetadata,
        );
      }),
    );
  });

  test("repository index", () => {
    const query = fc.record({ repositoryName: text, isReadyOnly: fc.boolean() });
    fc.assert(
      fc.property(query, (value) => {
        const plain = { repository_name: value.repositoryName, ready: value.isReadyOnly };
        agree(["RepositoryIndex", "request"], value, plain, encodeIndexQuery, decodeIndexQuery);
      }),
    );
    const index = fc.array(fc.record({ name: text, version: text, state: text, reason: text }));
    fc.assert(
      fc.property(index, (value) => {
        agree(["RepositoryIndex", "response"], value, { models: value }, encodeIndex, decodeIndex);
      }),
    );
  });

  test("load and unload, whose parameters' values are not read", () => {
    const asked = fc.record({
      repositoryName: text,
      modelName: text,
      parameterNames: fc.uniqueArray(text.filter(isPlainKey)),
    });
    const values = [{ bool_param: true }, { int64_param: "-7" }, { bytes_param: "AQI=" }, {}];
    for (const method of ["RepositoryModelLoad", "RepositoryModelUnload"]) {
      const { requestSerialize, requestDeserialize } = proto.method(method);
      fc.assert(
        fc.property(asked, ({ repositoryName, modelName, parameterNames }) => {
          const parameters = Object.fromEntries(
            parameterNames.map((name, i) => [name, values[i % values.length] ?? {}]),
          );
          const plain = { repository_name: repositoryName, model_name: modelName, parameters };
          const got = decodeSteer(requestSerialize(plain));
          assert.deepEqual(
            { ...got, parameterNames: [...got.parameterNames].sort() },
            {
              repositoryName,
              modelName,
              parameterNames: [...parameterNames].sort(),
            },
          );
          const ours = encodeSteer({ repositoryName, modelName, parameterNames });
          const bare = Object.fromEntries(parameterNames.map((name) => [name, {}]));
          assert.deepEqual(
            strip(requestDeserialize(Buffer.from(ours))),
            strip({ ...plain, parameters: bare }),
          );
        }),
      );
    }
  });

  test("health", () => {
    fc.assert(
      fc.property(text, (value) => {
        agree(
          ["Check", "request"],
          value,
          { service: value },
          encodeHealthQuery,
          decodeHealthQuery,
        );
      }),
    );
    for (const value of [true, false]) {
      agree(["Check", "response"], value, { status: value ? 1 : 2 }, encodeHealth, decodeHealth);
    }
  });
});

test("every datatype is known to this comparison", () => {
  assert.ok(Object.keys(CONTENTS).every(isDatatype));
  assert.deepEqual(Object.keys(CONTENTS).sort(), [...TYPED].sort());
});
