import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProto_DataType } from "onnx-buf";
import { JobError } from "../jobs/job-error.ts";
import type { TreeFeature, TreesModel } from "../train/trees-model.ts";
import {
  columnValue,
  doubles,
  floatAttribute,
  floatsAttribute,
  type GraphNode,
  type GraphTensor,
  type GraphValue,
  intAttribute,
  ML_DOMAIN,
  mlNode,
  node,
  stringsAttribute,
} from "./onnx-parts.ts";
import { OUTPUT_NAMES } from "./prediction-output.ts";
import { treeEnsembleAttributes } from "./tree-ensemble.ts";

/** What onnxruntime-node 1.30 reads with room to spare; TreeEnsemble with sets came with ml 5. */
const OPSET = 21n;
const ML_OPSET = 5n;
const IR_VERSION = 10n;

/** Metadata of a graph: JSON array of the inputs that take a missing value. */
export const NULLABLE_KEY = "sluice.nullable";

const LABEL_OUTPUT = "label";
/** The code of a text that training never saw: in no set. */
const UNSEEN = -1;

/**
 * One ONNX graph from raw columns to the answer. Inputs: a feature each, [rows,1], FP32 (NaN
 * missing) or strings ("" missing). Outputs, [rows,1]: `value` FP64; for binary `probability` FP64
 * of the positive class and `label` INT64, 1 from one half on. FP64, because only then is it the
 * trainer's own answer: its sums of leaves are exact in double.
 * @throws JobError when a feature has the name of an output
 */
export function buildTreeGraph(model: TreesModel): Uint8Array {
  const outputs =
    model.task === "binary" ? [OUTPUT_NAMES.binary, LABEL_OUTPUT] : [OUTPUT_NAMES.regression];
  assertNames(model.features, outputs);
  const inner = nameInner(model.features);
  const columns = encodeColumns(model.features, inner);
  const answer = model.task === "binary" ? probability(inner) : value(inner);
  const nodes = [...columns.nodes, ...score(model, columns.names, inner), ...answer.nodes];
  const proto = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: "sluice",
    opsetImport: [
      { domain: "", version: OPSET },
      { domain: ML_DOMAIN, version: ML_OPSET },
    ],
    metadataProps: [
      { key: NULLABLE_KEY, value: JSON.stringify(model.features.map(({ name }) => name)) },
    ],
    graph: {
      name: "trees",
      node: nodes,
      initializer: [doubles(inner("base"), [model.baseValue]), ...answer.initializers],
      input: model.features.map(inputOf),
      output: [...answer.outputs],
    },
  });
  return toBinary(ModelProtoSchema, proto);
}

function assertNames(features: readonly TreeFeature[], outputs: readonly string[]): void {
  for (const { name } of features) {
    if (outputs.includes(name)) {
      throw new JobError(
        `the feature '${name}' has the name of an output (${outputs.join(", ")}): call the column otherwise`,
      );
    }
  }
}

/** Names of values within the graph, which no feature can have. */
function nameInner(features: readonly TreeFeature[]): (name: string) => string {
  let prefix = "#";
  while (features.some(({ name }) => name.startsWith(prefix))) prefix += "#";
  return (name) => `${prefix}${name}`;
}

function inputOf({ name, kind }: TreeFeature): GraphValue {
  const type = kind === "number" ? TensorProto_DataType.FLOAT : TensorProto_DataType.STRING;
  return columnValue(name, type);
}

/** Numbers as they are, texts as their codes, which are exact in FP32. */
function encodeColumns(features: readonly TreeFeature[], inner: (name: string) => string) {
  const nodes: GraphNode[] = [];
  const names = features.map((feature, i) => {
    if (feature.kind === "number") return feature.name;
    const name = inner(`code${i}`);
    nodes.push(labelEncoder(feature.name, name, feature.categories));
    return name;
  });
  return { nodes, names };
}

function labelEncoder(input: string, output: string, categories: readonly string[]): GraphNode {
  // The operator wants a key: where training knew no text, "" is as unseen as any other.
  const keys = categories.length === 0 ? [""] : categories;
  const values = categories.length === 0 ? [UNSEEN] : categories.map((_, code) => code);
  return mlNode("LabelEncoder", [input], output, [
    stringsAttribute("keys_strings", keys),
    floatsAttribute("values_floats", values),
    floatAttribute("default_float", UNSEEN),
  ]);
}

function score(
  model: TreesModel,
  columns: readonly string[],
  inner: (name: string) => string,
): GraphNode[] {
  return [
    node("Concat", columns, inner("row"), [intAttribute("axis", 1)]),
    node("Cast", [inner("row")], inner("row64"), [intAttribute("to", TensorProto_DataType.DOUBLE)]),
    mlNode("TreeEnsemble", [inner("row64")], inner("sum"), treeEnsembleAttributes(model.trees)),
    node("Add", [inner("sum"), inner("base")], inner("score")),
  ];
}

interface Answer {
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly GraphTensor[];
  readonly outputs: readonly GraphValue[];
}

function value(inner: (name: string) => string): Answer {
  const name = OUTPUT_NAMES.regression;
  return {
    nodes: [node("Identity", [inner("score")], name)],
    initializers: [],
    outputs: [columnValue(name, TensorProto_DataType.DOUBLE)],
  };
}

/** 1 / (1 + exp(-score)), written out: the trainer's own formula. */
function probability(inner: (name: string) => string): Answer {
  const name = OUTPUT_NAMES.binary;
  return {
    nodes: [
      node("Neg", [inner("score")], inner("negated")),
      node("Exp", [inner("negated")], inner("odds")),
      node("Add", [inner("odds"), inner("one")], inner("total")),
      node("Div", [inner("one"), inner("total")], name),
      node("GreaterOrEqual", [name, inner("half")], inner("isPositive")),
      node("Cast", [inner("isPositive")], LABEL_OUTPUT, [
        intAttribute("to", TensorProto_DataType.INT64),
      ]),
    ],
    initializers: [doubles(inner("one"), [1]), doubles(inner("half"), [0.5])],
    outputs: [
      columnValue(name, TensorProto_DataType.DOUBLE),
      columnValue(LABEL_OUTPUT, TensorProto_DataType.INT64),
    ],
  };
}
