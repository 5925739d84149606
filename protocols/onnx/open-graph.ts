import { openValueInfo, type ValueInfo } from "./read-value-info.ts";
import {
  type Fields,
  intField,
  type MessageReader,
  messageField,
  textField,
} from "./walk-fields.ts";

/** What is gathered from every graph of a model, however deep. */
export interface GraphFacts {
  /** "domain::operator". */
  operators: Set<string>;
  usesExternalData: boolean;
}

/** What only the main graph tells. */
export interface MainGraph {
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** Names. */
  initializers: Set<string>;
}

type TakeName = (name: string) => void;

/** TensorProto.DataLocation.EXTERNAL */
const EXTERNAL = 1n;

/** The default operator-set domain has two spellings. */
export function plainDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** Reads a GraphProto; `main` is null for a subgraph. */
export function openGraph(depth: number, facts: GraphFacts, main: MainGraph | null): MessageReader {
  const addName: TakeName | null = main && ((name) => main.initializers.add(name));
  const fields: Fields = {
    1: messageField(depth, (next) => openNode(next, facts)),
    5: messageField(depth, (next) => openTensor(next, facts, addName)),
    15: messageField(depth, (next) => openSparseTensor(next, facts, addName)),
  };
  if (main === null) return { fields, done: null };
  return {
    fields: {
      ...fields,
      11: messageField(depth, (next) => openValueInfo(next, main.inputs)),
      12: messageField(depth, (next) => openValueInfo(next, main.outputs)),
    },
    done: null,
  };
}

/** Reads a NodeProto. */
export function openNode(depth: number, facts: GraphFacts): MessageReader {
  let operator = "";
  let domain = "";
  return {
    fields: {
      4: textField((text) => {
        operator = text;
      }),
      5: messageField(depth, (next) => openAttribute(next, facts)),
      7: textField((text) => {
        domain = plainDomain(text);
      }),
    },
    done: () => facts.operators.add(`${domain}::${operator}`),
  };
}

/** Reads whatever in an AttributeProto can hold a tensor or a graph. */
export function openAttribute(depth: number, facts: GraphFacts): MessageReader {
  const tensor = messageField(depth, (next) => openTensor(next, facts, null));
  const graph = messageField(depth, (next) => openGraph(next, facts, null));
  const sparse = messageField(depth, (next) => openSparseTensor(next, facts, null));
  const fields = { 5: tensor, 6: graph, 10: tensor, 11: graph, 22: sparse, 23: sparse };
  return { fields, done: null };
}

/** Reads a TensorProto but its values. */
function openTensor(depth: number, facts: GraphFacts, take: TakeName | null): MessageReader {
  const external = messageField(depth, () => {
    facts.usesExternalData = true;
    return { fields: {}, done: null };
  });
  const location = intField((where) => {
    if (where === EXTERNAL) facts.usesExternalData = true;
  });
  if (take === null) return { fields: { 13: external, 14: location }, done: null };
  return { fields: { 8: textField(take), 13: external, 14: location }, done: null };
}

/** Reads a SparseTensorProto; its name is that of its values. */
function openSparseTensor(depth: number, facts: GraphFacts, take: TakeName | null): MessageReader {
  const values = messageField(depth, (next) => openTensor(next, facts, take));
  const indices = messageField(depth, (next) => openTensor(next, facts, null));
  return { fields: { 1: values, 2: indices }, done: null };
}
