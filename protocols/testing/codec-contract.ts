import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Datatype } from "../core/datatype.ts";
import {
  type InferRequest,
  type InferResponse,
  NO_PARAMETERS,
  type Parameters,
} from "../core/infer.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import { arbitraryRequest, arbitraryResponse } from "./arbitrary-messages.ts";
import { GOLDEN_TENSORS } from "./golden-bytes.ts";

/**
 * What the contract suite needs of a codec: both ends of both messages. `Req` and `Res` are the
 * wire forms; `mangle*` returns the same wire form with its bytes replaced by `edit(bytes)`.
 */
export interface CodecAdapter<Req, Res> {
  /** The datatypes that this wire form carries. */
  readonly datatypes: readonly Datatype[];
  /** false: a NaN or infinite output must be refused as `not-representable`. */
  readonly carriesNonFinite: boolean;
  encodeRequest(request: InferRequest): Req;
  decodeRequest(wire: Req, limits: Limits): InferRequest;
  encodeResponse(response: InferResponse, request: InferRequest): Res;
  decodeResponse(wire: Res): InferResponse;
  mangleRequest(wire: Req, edit: (bytes: Uint8Array) => Uint8Array): Req;
  mangleResponse(wire: Res, edit: (bytes: Uint8Array) => Uint8Array): Res;
}

const LIMITS: Limits = { ...DEFAULT_LIMITS, maxBodyBytes: 1 << 20 };

export const EDGE_VALUES: ReadonlyMap<Datatype, TensorData> = new Map<Datatype, TensorData>([
  ["BOOL", Uint8Array.of(0, 1)],
  ["UINT8", Uint8Array.of(0, 255)],
  ["UINT16", Uint16Array.of(0, 65535)],
  ["UINT32", Uint32Array.of(0, 4294967295)],
  ["UINT64", BigUint64Array.of(0n, 9007199254740993n, 18446744073709551615n, 999999999999999n)],
  ["INT8", Int8Array.of(-128, 127)],
  ["INT16", Int16Array.of(-32768, 32767)],
  ["INT32", Int32Array.of(-2147483648, 2147483647)],
  [
    "INT64",
    BigInt64Array.of(
      -9223372036854775808n,
      9223372036854775807n,
      9007199254740993n,
      -9007199254740993n,
      -1n,
      -4294967296n,
      999999999999999n,
      -999999999999999n,
    ),
  ],
  ["FP16", Uint16Array.of(0, 0xffff, 0x7c00)],
  ["BF16", Uint16Array.of(0, 0xffff, 0x7f80)],
  [
    "FP32",
    Float32Array.of(0, -0, 0.1, -1.5, 3.4028234663852886e38, -1e-45, 1.1754943508222875e-38, 1e10),
  ],
  ["FP64", Float64Array.of(0, -0, 0.1, 1.7976931348623157e308, 5e-324, -123456789012345680, 1e22)],
  ["BYTES", ["", "a\u0000b", "é", "🦊", '"\\/\n', "[1,2]", "__proto__"]],
]);

export function tensor(
  name: string,
  datatype: Datatype,
  data: TensorData,
  shape: readonly number[] = [data.length],
): Tensor {
  return { name, datatype, shape, data };
}

export function request(
  inputs: readonly Tensor[],
  rest: Partial<Omit<InferRequest, "inputs">> = {},
): InferRequest {
  return { id: null, parameters: NO_PARAMETERS, outputs: null, isTyped: false, ...rest, inputs };
}

export function response(
  outputs: readonly Tensor[],
  rest: Partial<Omit<InferResponse, "outputs">> = {},
): InferResponse {
  return {
    modelName: "m",
    modelVersion: "1",
    id: null,
    parameters: NO_PARAMETERS,
    ...rest,
    outputs,
  };
}

/** Runs `act`; any throw that is not an InferError fails the test. Returns the error, or null. */
export function inferErrorOf(act: () => unknown): InferError | null {
  try {
    act();
    return null;
  } catch (thrown) {
    if (thrown instanceof InferError) return thrown;
    throw thrown;
  }
}

/** Whole numbers compare by value: a wire may bring an integer back as bigint. */
function plain(parameters: Parameters): [string, unknown][] {
  return [...parameters]
    .map(([key, value]): [string, unknown] => [
      key,
      typeof value === "bigint" ? Number(value) : value,
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function assertSameRequest(actual: InferRequest, expected: InferRequest): void {
  assert.equal(actual.id, expected.id);
  assert.deepEqual(plain(actual.parameters), plain(expected.parameters));
  assert.deepEqual(actual.inputs, expected.inputs);
  const flat = (r: InferRequest) => r.outputs?.map((o) => [o.name, plain(o.parameters)]) ?? null;
  assert.deepEqual(flat(actual), flat(expected));
}

function assertSameResponse(actual: InferResponse, expected: InferResponse): void {
  assert.deepEqual(
    { ...actual, parameters: plain(actual.parameters) },
    { ...expected, parameters: plain(expected.parameters) },
  );
}

/** The suite that every codec passes. Call it at the top level of a test file. */
export function codecContract<Req, Res>(name: string, adapter: CodecAdapter<Req, Res>): void {
  const viaRequest = (value: InferRequest, limits = LIMITS) =>
    adapter.decodeRequest(adapter.encodeRequest(value), limits);
  const viaResponse = (value: InferResponse, asked = request([])) =>
    adapter.decodeResponse(adapter.encodeResponse(value, asked));
  const small = request(
    [tensor("x", "FP32", Float32Array.of(1.5, -2), [1, 2]), tensor("s", "BYTES", ["é", ""])],
    { id: "42", parameters: new Map([["priority", 1]]) },
  );

  describe(`codec contract: ${name}`, () => {
    for (const datatype of adapter.datatypes) {
      describeDatatype(datatype, viaRequest, viaResponse);
    }
    describeMessages(adapter, viaRequest, viaResponse);
    describeLimits(viaRequest);
    describeHostile(adapter, small);
  });
}

type ViaRequest = (value: InferRequest, limits?: Limits) => InferRequest;
type ViaResponse = (value: InferResponse, asked?: InferRequest) => InferResponse;

function describeDatatype(
  datatype: Datatype,
  viaRequest: ViaRequest,
  viaResponse: ViaResponse,
): void {
  const edge = EDGE_VALUES.get(datatype) ?? [];
  const golden = GOLDEN_TENSORS.find((vector) => vector.datatype === datatype)?.data ?? [];
  const one = edge.slice(0, 1);
  const none = edge.slice(0, 0);
  const cases: readonly (readonly [string, Tensor])[] = [
    ["its extreme values", tensor("t", datatype, edge)],
    ["the golden values", tensor("t", datatype, golden)],
    ["a matrix", tensor("t", datatype, edge.slice(0, 2), [2, 1])],
    ["a scalar of rank 0", tensor("t", datatype, one, [])],
    ["a zero-size vector", tensor("t", datatype, none, [0])],
    ["a zero-size matrix", tensor("t", datatype, none, [2, 0, 3])],
  ];
  for (const [what, value] of cases) {
    test(`${datatype}: ${what} round trips both ways`, () => {
      assertSameRequest(viaRequest(request([value])), request([value]));
      assertSameResponse(viaResponse(response([value])), response([value]));
    });
  }
}

function describeMessages<Req, Res>(
  adapter: CodecAdapter<Req, Res>,
  viaRequest: ViaRequest,
  viaResponse: ViaResponse,
): void {
  const x = tensor("x", "FP32", Float32Array.of(1, 2));

  test("the id is carried, and absent when not sent", () => {
    assert.equal(viaRequest(request([x], { id: "42" })).id, "42");
    assert.equal(viaRequest(request([x])).id, null);
    assert.equal(viaResponse(response([x], { id: "é" })).id, "é");
    assert.equal(viaResponse(response([x])).id, null);
  });

  test("parameters keep their types", () => {
    const parameters = new Map<string, string | number | boolean>([
      ["text", "é"],
      ["flag", false],
      ["whole", -7],
      ["real", 0.25],
    ]);
    assertSameRequest(viaRequest(request([x], { parameters })), request([x], { parameters }));
    assertSameResponse(viaResponse(response([x], { parameters })), response([x], { parameters }));
  });

  test("requested outputs keep their order and parameters; none means all", () => {
    const outputs = ["z", "a", "m"].map((output) => ({
      name: output,
      parameters: new Map([["k", output]]),
    }));
    assertSameRequest(viaRequest(request([x], { outputs })), request([x], { outputs }));
    assert.equal(viaRequest(request([x])).outputs, null);
  });

  test("several tensors of different datatypes keep their order", () => {
    const all = adapter.datatypes.map((d) => tensor(`of ${d}`, d, EDGE_VALUES.get(d) ?? []));
    assertSameRequest(viaRequest(request(all)), request(all));
    assertSameResponse(viaResponse(response(all)), response(all));
  });

  test("names of Object.prototype are plain names", () => {
    const parameters = new Map([
      ["__proto__", "p"],
      ["constructor", "c"],
    ]);
    const inputs = ["__proto__", "constructor", "toString"].map((n) =>
      tensor(n, "INT32", Int32Array.of(1)),
    );
    const outputs = [{ name: "__proto__", parameters }];
    const value = request(inputs, { parameters, outputs });
    assertSameRequest(viaRequest(value), value);
    assert.equal(({} as Record<string, unknown>)["p"], undefined);
    assert.equal(Object.hasOwn(Object.prototype, "constructor"), true);
  });

  test("a tensor name given twice is carried or refused, never merged", () => {
    const twice = request([x, tensor("x", "FP32", Float32Array.of(3))]);
    const refused = inferErrorOf(() => assertSameRequest(viaRequest(twice), twice));
    if (refused !== null) assert.equal(refused.code, "invalid-argument");
  });

  test("a value that is not finite is carried or refused as not-representable", () => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const value of [
        response([tensor("y", "FP32", Float32Array.of(1, odd))]),
        response([tensor("y", "FP64", Float64Array.of(1, odd))]),
      ]) {
        if (adapter.carriesNonFinite) {
          assertSameResponse(viaResponse(value), value);
        } else {
          assert.equal(inferErrorOf(() => viaResponse(value))?.code, "not-representable");
        }
      }
    }
  });

  test("property: encode then decode is the identity", () => {
    fc.assert(
      fc.property(arbitraryRequest(adapter.datatypes), (value) => {
        assertSameRequest(viaRequest(value), value);
      }),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(arbitraryResponse(adapter.datatypes), (value) => {
        assertSameResponse(viaResponse(value), value);
      }),
      { numRuns: 150 },
    );
  });
}

function describeLimits(viaRequest: ViaRequest): void {
  const x = tensor("x", "UINT8", new Uint8Array(64));

  test("a body past maxBodyBytes is payload-too-large", () => {
    const error = inferErrorOf(() => viaRequest(request([x]), { ...LIMITS, maxBodyBytes: 16 }));
    assert.equal(error?.code, "payload-too-large");
  });

  test("more tensors than maxTensors are refused", () => {
    const three = request(["a", "b", "c"].map((n) => tensor(n, "UINT8", Uint8Array.of(1))));
    assert.equal(
      inferErrorOf(() => viaRequest(three, { ...LIMITS, maxTensors: 3 })),
      null,
    );
    const error = inferErrorOf(() => viaRequest(three, { ...LIMITS, maxTensors: 2 }));
    assert.ok(error !== null && ["invalid-argument", "payload-too-large"].includes(error.code));
  });

  test("more dimensions than maxDims are refused", () => {
    const deep = request([tensor("a", "UINT8", Uint8Array.of(1), [1, 1, 1])]);
    assert.equal(
      inferErrorOf(() => viaRequest(deep, { ...LIMITS, maxDims: 3 })),
      null,
    );
    const error = inferErrorOf(() => viaRequest(deep, { ...LIMITS, maxDims: 2 }));
    assert.ok(error !== null && ["invalid-argument", "payload-too-large"].includes(error.code));
  });
}

function describeHostile<Req, Res>(adapter: CodecAdapter<Req, Res>, small: InferRequest): void {
  const wire = adapter.encodeRequest(small);
  const answer = adapter.encodeResponse(response(small.inputs, { id: "42" }), request([]));
  const decodeMangled = (edit: (bytes: Uint8Array) => Uint8Array) => {
    inferErrorOf(() => adapter.decodeRequest(adapter.mangleRequest(wire, edit), LIMITS));
    inferErrorOf(() => adapter.decodeResponse(adapter.mangleResponse(answer, edit)));
  };

  test("every truncation yields a message or an InferError", () => {
    let length = 0;
    adapter.mangleRequest(wire, (bytes) => {
      length = bytes.byteLength;
      return bytes;
    });
    assert.ok(length > 0);
    for (let end = 0; end < length; end++) decodeMangled((bytes) => bytes.slice(0, end));
  });

  test("every single byte turned into another yields a message or an InferError", () => {
    for (let at = 0; at < 400; at++) {
      for (const value of [0x00, 0x22, 0x5b, 0x7d, 0x80, 0xff]) {
        decodeMangled((bytes) => {
          const copy = bytes.slice();
          copy[at % copy.byteLength] = value;
          return copy;
        });
      }
    }
  });

  test("property: any bytes yield a message or an InferError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => decodeMangled(() => noise)),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.nat(), fc.uint8Array({ maxLength: 8 }), (where, noise) =>
        decodeMangled((bytes) => {
          const at = where % bytes.byteLength;
          return Uint8Array.from([...bytes.slice(0, at), ...noise, ...bytes.slice(at)]);
        }),
      ),
      { numRuns: 500 },
    );
  });
}
