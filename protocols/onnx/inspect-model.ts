import { BinaryReader } from "@bufbuild/protobuf/wire";
import { NULLABLE_DATATYPES, type Signature, type TensorSignature } from "../core/signature.ts";
import { describeForeignFormat } from "./foreign-format.ts";
import { ModelFormatError } from "./model-format-error.ts";
import {
  type GraphFacts,
  type MainGraph,
  openAttribute,
  openGraph,
  openNode,
  plainDomain,
} from "./open-graph.ts";
import { type Metadata, NULLABLE_KEY, openMetadata, readNames } from "./read-metadata.ts";
import { toTensorSignature, type ValueInfo } from "./read-value-info.ts";
import {
  intField,
  type MessageReader,
  messageField,
  singleMessageField,
  textField,
  walkMessage,
} from "./walk-fields.ts";

/** What an ONNX file says about itself; read without its weights. */
export interface OnnxSummary {
  readonly irVersion: number;
  /** Operator-set version by domain; "" is the default domain ("ai.onnx" reads as ""). */
  readonly opset: Readonly<Record<string, number>>;
  /** Name of the tool that wrote the file; "" if it does not say. */
  readonly producer: string;
  /** Inputs that are initialisers are left out; a symbolic or unknown dimension is -1. */
  readonly signature: Signature;
  /** Symbolic name of dimension 0 by tensor name; null: fixed, unnamed or rank 0. */
  readonly firstDims: ReadonlyMap<string, string | null>;
  /** "domain::operator" of every node, subgraphs and functions too; "::Add" in the default domain. */
  readonly operators: ReadonlySet<string>;
  /** Some tensor, in any attribute or subgraph, keeps its values in another file. */
  readonly usesExternalData: boolean;
  /** "domain::name" of the functions that the model brings along. */
  readonly functions: readonly string[];
}

/** As many tensors as a request may hold. */
const MAX_TENSORS = 1024;

interface ModelFacts extends GraphFacts, MainGraph {
  irVersion: bigint;
  producer: string;
  opset: Map<string, number>;
  functions: string[];
  hasGraph: boolean;
  metadata: Metadata;
}

/**
 * Reads the outline of an ONNX model (onnx.proto, ModelProto). Time and memory grow with the number
 * of nodes, not with the weights, which are skipped in place.
 * @throws ModelFormatError only, whatever the bytes.
 */
export function inspectModel(bytes: Uint8Array): OnnxSummary {
  const foreign = describeForeignFormat(bytes);
  if (foreign !== null) throw new ModelFormatError(`expected an ONNX model, got ${foreign}`);
  return summarize(readFacts(bytes));
}

function readFacts(bytes: Uint8Array): ModelFacts {
  const facts: ModelFacts = {
    irVersion: 0n,
    producer: "",
    opset: new Map(),
    functions: [],
    hasGraph: false,
    metadata: new Map(),
    inputs: [],
    outputs: [],
    initializers: new Set(),
    operators: new Set(),
    usesExternalData: false,
  };
  const reader = new BinaryReader(bytes);
  try {
    walkMessage(reader, bytes.byteLength, openModel(facts));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const size = bytes.byteLength;
    throw new ModelFormatError(
      `not a readable ONNX model (${size} bytes, stopped at byte ${Math.min(reader.pos, size)}): ${why}`,
    );
  }
  return facts;
}

function openModel(facts: ModelFacts): MessageReader {
  const fields = {
    1: intField((version) => {
      facts.irVersion = version;
    }),
    2: textField((producer) => {
      facts.producer = producer;
    }),
    7: singleMessageField("the graph", 0, (depth) => {
      facts.hasGraph = true;
      return openGraph(depth, facts, facts);
    }),
    8: messageField(0, () => openOpset(facts.opset)),
    14: messageField(0, () => openMetadata(facts.metadata)),
    20: messageField(0, (depth) => openTraining(depth, facts)),
    25: messageField(0, (depth) => openFunction(depth, facts)),
  };
  return { fields, done: null };
}

function openOpset(opset: Map<string, number>): MessageReader {
  let domain = "";
  let version = 0;
  return {
    fields: {
      1: textField((text) => {
        domain = plainDomain(text);
      }),
      2: intField((value) => {
        version = Number(value);
      }),
    },
    done: () => opset.set(domain, version),
  };
}

/** Training graphs are never run here, but whoever loads the file reads their tensors. */
function openTraining(depth: number, facts: ModelFacts): MessageReader {
  const graph = messageField(depth, (next) => openGraph(next, facts, null));
  return { fields: { 1: graph, 2: graph }, done: null };
}

function openFunction(depth: number, facts: ModelFacts): MessageReader {
  let name = "";
  let domain = "";
  return {
    fields: {
      1: textField((text) => {
        name = text;
      }),
      7: messageField(depth, (next) => openNode(next, facts)),
      10: textField((text) => {
        domain = plainDomain(text);
      }),
      11: messageField(depth, (next) => openAttribute(next, facts)),
    },
    done: () => facts.functions.push(`${domain}::${name}`),
  };
}

function summarize(facts: ModelFacts): OnnxSummary {
  if (!facts.hasGraph) throw new ModelFormatError("not an ONNX model: it has no graph");
  if (facts.irVersion < 1n) throw new ModelFormatError("not an ONNX model: it has no ir_version");
  if (facts.opset.size === 0) throw new ModelFormatError("the model imports no operator set");
  for (const [domain, version] of facts.opset) {
    if (version < 1) throw new ModelFormatError(`operator set '${domain}' has version ${version}`);
  }
  const inputs = facts.inputs.filter((input) => !facts.initializers.has(input.name));
  if (facts.outputs.length === 0) throw new ModelFormatError("the graph has no outputs");
  const signature = {
    inputs: markNullable(toSignatures("input", inputs), facts.metadata),
    outputs: toSignatures("output", facts.outputs),
  };
  return {
    irVersion: Number(facts.irVersion),
    opset: Object.fromEntries(facts.opset),
    producer: facts.producer,
    signature,
    firstDims: new Map(
      [...facts.outputs, ...inputs].map((info) => [info.name, info.dims?.[0]?.symbol ?? null]),
    ),
    operators: facts.operators,
    usesExternalData: facts.usesExternalData,
    functions: facts.functions,
  };
}

/** Names that are no input, and inputs whose datatype has no missing value, are passed over. */
function markNullable(
  inputs: readonly TensorSignature[],
  metadata: Metadata,
): readonly TensorSignature[] {
  const nullable = readNames(metadata.get(NULLABLE_KEY) ?? null);
  return inputs.map((input) =>
    nullable.has(input.name) && NULLABLE_DATATYPES.has(input.datatype)
      ? { ...input, nullable: true }
      : input,
  );
}

function toSignatures(role: "input" | "output", infos: readonly ValueInfo[]) {
  if (infos.length > MAX_TENSORS) {
    throw new ModelFormatError(`the graph has ${infos.length} ${role}s, more than ${MAX_TENSORS}`);
  }
  const names = new Set<string>();
  return infos.map((info) => {
    if (names.has(info.name)) throw new ModelFormatError(`${role} '${info.name}' stands twice`);
    names.add(info.name);
    return toTensorSignature(role, info);
  });
}
