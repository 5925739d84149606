import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import type { Datatype } from "../../protocols/core/datatype.ts";

/**
 * Tiny ONNX models for tests, as bytes. Unless said otherwise they take "x", give "y", dimension 0
 * is the symbolic "batch", opset 17, IR 8. A name or a number in a shape: symbolic or fixed.
 */

const TYPES: Readonly<Record<Datatype, TensorProto_DataType>> = {
  BOOL: TensorProto_DataType.BOOL,
  UINT8: TensorProto_DataType.UINT8,
  UINT16: TensorProto_DataType.UINT16,
  UINT32: TensorProto_DataType.UINT32,
  UINT64: TensorProto_DataType.UINT64,
  INT8: TensorProto_DataType.INT8,
  INT16: TensorProto_DataType.INT16,
  INT32: TensorProto_DataType.INT32,
  INT64: TensorProto_DataType.INT64,
  FP16: TensorProto_DataType.FLOAT16,
  BF16: TensorProto_DataType.BFLOAT16,
  FP32: TensorProto_DataType.FLOAT,
  FP64: TensorProto_DataType.DOUBLE,
  BYTES: TensorProto_DataType.STRING,
};

type Dim = number | string;
type ValueInfo = MessageInitShape<typeof ValueInfoProtoSchema>;
type Node = MessageInitShape<typeof NodeProtoSchema>;
type Attribute = MessageInitShape<typeof AttributeProtoSchema>;
type TensorInit = MessageInitShape<typeof TensorProtoSchema>;

export interface GraphParts {
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers?: readonly TensorInit[];
  /** Beside the default domain's 17. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Key and value. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** y = x, [batch,3] of one datatype. onnxruntime-node cannot load BF16. */
export function identityModel(datatype: Datatype): Uint8Array {
  return modelOf({
    nodes: [node("Identity", ["x"], ["y"])],
    inputs: [value("x", datatype, ["batch", 3])],
    outputs: [value("y", datatype, ["batch", 3])],
  });
}

/** y = x * factor, FP32 [batch,4]: the answer tells which version gave it. */
export function scaleModel(factor: number): Uint8Array {
  return elementwiseModel("Mul", floats("factor", [], [factor]));
}

/** y = x + constant, FP32 [batch,4]. */
export function addConstantModel(constant: number): Uint8Array {
  return elementwiseModel("Add", floats("constant", [], [constant]));
}

export interface MlpShape {
  readonly inputs: number;
  /** Width of each hidden layer. */
  readonly hidden: readonly number[];
  readonly outputs: number;
  /** Weights are a function of the seed. */
  readonly seed: number;
}

/** A fully connected network with ReLU between layers: FP32 [batch,inputs] to [batch,outputs]. */
export function mlpModel(shape: MlpShape): Uint8Array {
  const random = randomStream(shape.seed);
  const widths = [shape.inputs, ...shape.hidden, shape.outputs];
  const nodes: Node[] = [];
  const initializers: TensorInit[] = [];
  let last = "x";
  for (let layer = 1; layer < widths.length; layer += 1) {
    const rows = widths[layer - 1] ?? 0;
    const columns = widths[layer] ?? 0;
    const scale = Math.sqrt(2 / rows);
    const weights = Array.from({ length: rows * columns }, () => (random() * 2 - 1) * scale);
    initializers.push(floats(`w${layer}`, [rows, columns], weights));
    initializers.push(floats(`b${layer}`, [columns], Array.from({ length: columns }, random)));
    const isLast = layer === widths.length - 1;
    nodes.push(node("Gemm", [last, `w${layer}`, `b${layer}`], [isLast ? "y" : `h${layer}`]));
    if (!isLast) nodes.push(node("Relu", [`h${layer}`], [`r${layer}`]));
    last = `r${layer}`;
  }
  return modelOf({
    nodes,
    initializers,
    inputs: [value("x", "FP32", ["batch", shape.inputs])],
    outputs: [value("y", "FP32", ["batch", shape.outputs])],
  });
}

const SLOW_WIDTH = 128;
const SLOW_STEPS_PER_MS = 14;

/**
 * y = x, FP32 [batch,4], after a Loop of matrix products that takes very roughly `ms` milliseconds
 * of one core whatever the batch.
 */
export function slowModel(ms: number): Uint8Array {
  const steps = int64s("steps", [], [Math.max(1, Math.round(ms * SLOW_STEPS_PER_MS))]);
  return loopModel([], [steps]);
}

/** As `slowModel`, but the largest input says how many milliseconds: it hangs on demand. */
export function hangingModel(): Uint8Array {
  const perMs = floats("per_ms", [], [SLOW_STEPS_PER_MS]);
  return loopModel(
    [
      node("ReduceMax", ["x"], ["ms"], [intAttribute("keepdims", 0)]),
      node("Mul", ["ms", "per_ms"], ["count"]),
      node("Cast", ["count"], ["steps"], [intAttribute("to", TensorProto_DataType.INT64)]),
    ],
    [perMs],
  );
}

/** y = x, FP32 [batch,4]; the largest input says how many numbers it asks memory for on the way. */
export function greedyModel(): Uint8Array {
  return modelOf({
    nodes: [
      node("ReduceMax", ["x"], ["many"], [intAttribute("keepdims", 0)]),
      node("Cast", ["many"], ["count"], [intAttribute("to", TensorProto_DataType.INT64)]),
      node("Reshape", ["count", "one"], ["shape"]),
      node("ConstantOfShape", ["shape"], ["zeros"]),
      node("ReduceSum", ["zeros"], ["zero"], [intAttribute("keepdims", 0)]),
      node("Add", ["x", "zero"], ["y"]),
    ],
    initializers: [int64s("one", [1], [1])],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
  });
}

/** The nodes and initializers before the Loop give its scalar "steps". */
function loopModel(before: readonly Node[], initializers: readonly TensorInit[]): Uint8Array {
  const width = SLOW_WIDTH;
  const body = create(GraphProtoSchema, {
    name: "body",
    input: [
      value("step", "INT64", []),
      value("go", "BOOL", []),
      value("m", "FP32", [width, width]),
    ],
    output: [value("go_on", "BOOL", []), value("product", "FP32", [width, width])],
    node: [node("Identity", ["go"], ["go_on"]), node("MatMul", ["m", "w"], ["product"])],
  });
  return modelOf({
    nodes: [
      ...before,
      node("Loop", ["steps", "", "zeros"], ["last"], [graphAttribute("body", body)]),
      node("ReduceMean", ["last"], ["zero"], [intAttribute("keepdims", 0)]),
      node("Add", ["x", "zero"], ["y"]),
    ],
    initializers: [
      ...initializers,
      floats("zeros", [width, width], new Array<number>(width * width).fill(0)),
      floats("w", [width, width], new Array<number>(width * width).fill(1 / width)),
    ],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
  });
}

/** y = x - mean(x over the rows), FP32 [batch,4]: each row depends on the others; never batch it. */
export function crossRowModel(): Uint8Array {
  return modelOf({
    nodes: [
      node(
        "ReduceMean",
        ["x"],
        ["mean"],
        [intsAttribute("axes", [0]), intAttribute("keepdims", 1)],
      ),
      node("Sub", ["x", "mean"], ["y"]),
    ],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
  });
}

/**
 * The shape of Silero's voice detector: "input" FP32 [batch,samples], "state" FP32 [2,batch,128],
 * "sr" INT64 scalar; "output" FP32 [batch,1] = mean of the samples, "stateN" = state + sr. Not
 * batchable: a scalar, and dimension 0 of the state is not the batch.
 */
export function stateModel(): Uint8Array {
  return modelOf({
    nodes: [
      node(
        "ReduceMean",
        ["input"],
        ["output"],
        [intsAttribute("axes", [1]), intAttribute("keepdims", 1)],
      ),
      node("Cast", ["sr"], ["rate"], [intAttribute("to", TensorProto_DataType.FLOAT)]),
      node("Add", ["state", "rate"], ["stateN"]),
    ],
    inputs: [
      value("input", "FP32", ["batch", "samples"]),
      value("state", "FP32", [2, "batch", 128]),
      value("sr", "INT64", []),
    ],
    outputs: [value("output", "FP32", ["batch", 1]), value("stateN", "FP32", [2, "batch", 128])],
  });
}

/** y = x with -1 for what is missing, FP32 [batch,4]; the model says that x may be. */
export function nullableModel(): Uint8Array {
  return modelOf({
    nodes: [node("IsNaN", ["x"], ["missing"]), node("Where", ["missing", "stand_in", "x"], ["y"])],
    initializers: [floats("stand_in", [], [-1])],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
    metadata: { "sluice.nullable": '["x"]' },
  });
}

/** Well-formed, but its one operator, com.example::Nope, exists nowhere: no runtime loads it. */
export function badOpModel(): Uint8Array {
  return modelOf({
    nodes: [{ ...node("Nope", ["x"], ["y"]), domain: "com.example" }],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
    domains: { "com.example": 1 },
  });
}

/** What must lie at `location` beside `externalDataModel` for it to load: y = x + [1,2,3,4]. */
export const EXTERNAL_WEIGHTS = rawBytes(new Float32Array([1, 2, 3, 4]));

/** y = x + weights, FP32 [batch,4]; the weights lie in another file. */
export function externalDataModel(location = "weights.bin"): Uint8Array {
  return elementwiseModel("Add", {
    name: "weights",
    dataType: TensorProto_DataType.FLOAT,
    dims: [4n],
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: "location", value: location },
      { key: "offset", value: "0" },
      { key: "length", value: String(EXTERNAL_WEIGHTS.byteLength) },
    ],
  });
}

function elementwiseModel(op: string, operand: TensorInit): Uint8Array {
  return modelOf({
    nodes: [node(op, ["x", operand.name ?? ""], ["y"])],
    initializers: [operand],
    inputs: [value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
  });
}

/** Any other graph: for a test whose model is its own. */
export function modelOf(parts: GraphParts): Uint8Array {
  const domains = Object.entries({ "": 17, ...parts.domains });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "sluice-tests",
    opsetImport: domains.map(([domain, version]) => ({ domain, version: BigInt(version) })),
    metadataProps: Object.entries(parts.metadata ?? {}).map(([key, text]) =>
      create(StringStringEntryProtoSchema, { key, value: text }),
    ),
    graph: {
      name: "graph",
      node: [...parts.nodes],
      initializer: [...(parts.initializers ?? [])],
      input: [...parts.inputs],
      output: [...parts.outputs],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

export function value(name: string, datatype: Datatype, shape: readonly Dim[]): ValueInfo {
  const dim = shape.map((size) =>
    typeof size === "string"
      ? { value: { case: "dimParam" as const, value: size } }
      : { value: { case: "dimValue" as const, value: BigInt(size) } },
  );
  const tensor = { elemType: TYPES[datatype], shape: { dim } };
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: tensor } },
  });
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attribute: readonly Attribute[] = [],
): Node {
  return { opType, input: [...input], output: [...output], attribute: [...attribute] };
}

export function floats(name: string, dims: readonly number[], data: readonly number[]): TensorInit {
  return {
    name,
    dataType: TensorProto_DataType.FLOAT,
    dims: dims.map(BigInt),
    rawData: rawBytes(new Float32Array(data)),
  };
}

function int64s(name: string, dims: readonly number[], data: readonly number[]): TensorInit {
  return {
    name,
    dataType: TensorProto_DataType.INT64,
    dims: dims.map(BigInt),
    rawData: rawBytes(new BigInt64Array(data.map(BigInt))),
  };
}

function rawBytes(array: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>) {
  return new Uint8Array(array.buffer);
}

export function intAttribute(name: string, i: number): Attribute {
  return { name, type: AttributeProto_AttributeType.INT, i: BigInt(i) };
}

export function intsAttribute(name: string, ints: readonly number[]): Attribute {
  return { name, type: AttributeProto_AttributeType.INTS, ints: ints.map(BigInt) };
}

export function graphAttribute(
  name: string,
  g: MessageInitShape<typeof GraphProtoSchema>,
): Attribute {
  return { name, type: AttributeProto_AttributeType.GRAPH, g };
}

/** Numbers in [0,1) that depend on the seed alone (mulberry32). */
function randomStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
