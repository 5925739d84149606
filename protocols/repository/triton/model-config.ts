import { DATATYPES, type Datatype } from "../../core/datatype.ts";
import type { Signature, TensorSignature } from "../../core/signature.ts";
import { MODEL_FILE } from "../layout.ts";
import { findNotHonoured } from "./not-honoured.ts";
import {
  onlyMessage,
  onlyNumber,
  onlyText,
  readMessages,
  readNumbers,
  TritonConfigError,
} from "./text-fields.ts";
import { parseTextFormat, TextFormatError, type TextMessage } from "./text-format.ts";

/** Beside the version folders of a model. */
export const CONFIG_FILE = "config.pbtxt";

/** Triton's `version_policy`; without one it serves the highest version. */
export type TritonVersionPolicy =
  | { readonly kind: "latest"; readonly count: number }
  | { readonly kind: "all" }
  | { readonly kind: "specific"; readonly versions: readonly number[] };

/** What a config.pbtxt says that matters to an ONNX model here (Triton, model_config.proto). */
export interface TritonConfig {
  /** Most rows of a batch; 0: no batch dimension; null: not said. */
  readonly maxBatchSize: number | null;
  readonly inputs: readonly TritonTensor[];
  readonly outputs: readonly TritonTensor[];
  readonly versionPolicy: TritonVersionPolicy;
  /** The graph's file in a version's folder. */
  readonly modelFile: string;
  /** What it asks for that this server does not do, each with why. */
  readonly notHonoured: readonly string[];
}

interface TritonTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the batch dimension where there is one. */
  readonly dims: readonly number[];
}

const LATEST_ONE: TritonVersionPolicy = { kind: "latest", count: 1 };
const PLATFORM = "onnxruntime_onnx";
const BACKEND = "onnxruntime";
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * @param model the folder's name
 * @throws TritonConfigError for what cannot be read, or a model that is not an ONNX graph by itself
 */
export function parseTritonConfig(model: string, text: string): TritonConfig {
  const config = parse(text);
  const name = onlyText(config, "name", "name");
  if (name !== null && name !== "" && name !== model) {
    throw new TritonConfigError(`name is '${name}', but the model's folder is '${model}'`);
  }
  assertOnnx(config);
  const modelFile = onlyText(config, "default_model_filename", "default_model_filename");
  if (modelFile !== null && modelFile !== "" && !PLAIN_NAME.test(modelFile)) {
    throw new TritonConfigError(
      `default_model_filename must be a plain file name, got '${modelFile.slice(0, 80)}'`,
    );
  }
  const maxBatchSize = onlyNumber(config, "max_batch_size", "max_batch_size");
  return {
    maxBatchSize,
    inputs: readTensors(config, "input"),
    outputs: readTensors(config, "output"),
    versionPolicy: readVersionPolicy(onlyMessage(config, "version_policy", "version_policy")),
    modelFile: modelFile === null || modelFile === "" ? MODEL_FILE : modelFile,
    notHonoured: findNotHonoured(config),
  };
}

function parse(text: string): TextMessage {
  try {
    return parseTextFormat(text);
  } catch (thrown) {
    if (thrown instanceof TextFormatError) throw new TritonConfigError(thrown.message);
    throw thrown;
  }
}

/** Kinds of model that are no ONNX graph by themselves, and why each is refused. */
const REFUSED_FIELDS: Readonly<Record<string, string>> = {
  ensemble_scheduling: "ensembles are not served",
  sequence_batching: "models with state between requests are not served",
};

function assertOnnx(config: TextMessage): void {
  const platform = onlyText(config, "platform", "platform") ?? "";
  const backend = onlyText(config, "backend", "backend") ?? "";
  if (platform !== "" && platform !== PLATFORM) {
    throw new TritonConfigError(`platform '${platform}' is not served, only ${PLATFORM}`);
  }
  if (backend !== "" && backend !== BACKEND) {
    throw new TritonConfigError(`backend '${backend}' is not served, only ${BACKEND}`);
  }
  for (const [field, why] of Object.entries(REFUSED_FIELDS)) {
    if (config.has(field)) throw new TritonConfigError(`it has ${field}: ${why}`);
  }
  const transactions = onlyMessage(config, "model_transaction_policy", "model_transaction_policy");
  const decoupled = transactions === null ? null : onlyText(transactions, "decoupled", "decoupled");
  if (decoupled === "true") {
    throw new TritonConfigError("it is decoupled: a request here has one answer");
  }
}

function readTensors(config: TextMessage, field: "input" | "output"): readonly TritonTensor[] {
  return readMessages(config, field, field).map((tensor, i) => {
    const name = onlyText(tensor, "name", `${field}[${i}].name`);
    if (name === null || name === "") throw new TritonConfigError(`${field}[${i}] has no name`);
    if (tensor.has("reshape")) {
      throw new TritonConfigError(
        `${field} '${name}' has reshape: the graph's own shape is what clients send`,
      );
    }
    return {
      name,
      datatype: readDatatype(`${field} '${name}'`, onlyText(tensor, "data_type", "data_type")),
      dims: readNumbers(tensor, "dims", `dims of ${field} '${name}'`),
    };
  });
}

function readDatatype(what: string, type: string | null): Datatype {
  const name = type === "TYPE_STRING" ? "BYTES" : (type ?? "").replace(/^TYPE_/, "");
  const datatype = DATATYPES.find((known) => known === name);
  if (datatype !== undefined && type !== "TYPE_BYTES") return datatype;
  throw new TritonConfigError(`${what} has data_type ${type ?? "none"}, which is not known`);
}

function readVersionPolicy(policy: TextMessage | null): TritonVersionPolicy {
  if (policy === null) return LATEST_ONE;
  const latest = onlyMessage(policy, "latest", "version_policy.latest");
  const specific = onlyMessage(policy, "specific", "version_policy.specific");
  if ([latest, specific, policy.get("all") ?? null].filter((each) => each !== null).length > 1) {
    throw new TritonConfigError("version_policy holds more than one of latest, all and specific");
  }
  if (policy.has("all")) return { kind: "all" };
  if (specific !== null) {
    const versions = readNumbers(specific, "versions", "version_policy.specific.versions");
    return { kind: "specific", versions };
  }
  const count = latest === null ? 1 : (onlyNumber(latest, "num_versions", "num_versions") ?? 1);
  return { kind: "latest", count: Math.max(1, count) };
}

/**
 * Compares what it declares with the graph.
 * @returns outputs that are served although it does not list them
 * @throws TritonConfigError naming the first tensor that differs, what was expected and what came
 */
export function assertConfigFits(config: TritonConfig, graph: Signature): readonly string[] {
  const hasBatch = (config.maxBatchSize ?? 0) > 0;
  assertTensorsFit("input", config.inputs, graph.inputs, hasBatch);
  assertTensorsFit("output", config.outputs, graph.outputs, hasBatch);
  const listed = (name: string, list: readonly TritonTensor[]) =>
    list.length === 0 || list.some((tensor) => tensor.name === name);
  const missing = graph.inputs.find(({ name }) => !listed(name, config.inputs));
  if (missing !== undefined) {
    throw new TritonConfigError(`it lists inputs, but not '${missing.name}', which the graph has`);
  }
  return graph.outputs.map(({ name }) => name).filter((name) => !listed(name, config.outputs));
}

function assertTensorsFit(
  role: "input" | "output",
  declared: readonly TritonTensor[],
  graph: readonly TensorSignature[],
  hasBatch: boolean,
): void {
  for (const { name, datatype, dims } of declared) {
    const found = graph.find((tensor) => tensor.name === name);
    if (found === undefined) {
      const names = graph.map((tensor) => `'${tensor.name}'`).join(", ");
      throw new TritonConfigError(`${role} '${name}' is not in the graph, which has ${names}`);
    }
    const shape = hasBatch ? [-1, ...dims] : dims;
    if (found.datatype === datatype && isSameShape(shape, found.shape)) continue;
    const batch = hasBatch ? " (dims with the batch dimension of max_batch_size)" : "";
    throw new TritonConfigError(
      `${role} '${name}' is ${datatype} [${shape}]${batch}, but the graph has ${found.datatype} [${found.shape}]`,
    );
  }
}

/** -1 is any size, on either side. */
function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === -1 || b[i] === -1 || dim === b[i]);
}
