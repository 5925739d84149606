import type { InferRequest } from "../../protocols/core/infer.ts";
import type { TensorSignature } from "../../protocols/core/signature.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { Job, ServableInfo } from "../models/servable.ts";

/**
 * Fits a request to a servable's signature: every input present once, of the right datatype and
 * shape, with missing values only where it takes them; every requested output known. @throws InferError `invalid-argument`.
 */
export function validate(
  info: ServableInfo,
  request: InferRequest,
  deadlineEpochMs: number | null,
  priority: number,
): Job {
  const inputs = isInOrder(info, request) ? request.inputs : sortInputs(info, request);
  for (let i = 0; i < inputs.length; i += 1) {
    assertFits(info, info.signature.inputs[i] as TensorSignature, inputs[i] as Tensor);
  }
  return { inputs, outputs: takeOutputs(info, request), deadlineEpochMs, priority };
}

/** As nearly every client sends them: each once, in the order of the signature. */
function isInOrder({ signature }: ServableInfo, { inputs }: InferRequest): boolean {
  if (inputs.length !== signature.inputs.length) return false;
  for (let i = 0; i < inputs.length; i += 1) {
    if (inputs[i]?.name !== signature.inputs[i]?.name) return false;
  }
  return true;
}

function sortInputs(info: ServableInfo, request: InferRequest): readonly Tensor[] {
  const { signature } = info;
  const given = new Map<string, Tensor>();
  for (const tensor of request.inputs) {
    if (given.has(tensor.name)) throw invalid(info, `input '${tensor.name}' is given twice`);
    given.set(tensor.name, tensor);
  }
  const inputs = signature.inputs.map((wanted) => takeInput(info, wanted, given));
  if (given.size > inputs.length) {
    const known = new Set(signature.inputs.map((t) => t.name));
    const unknown = [...given.keys()].filter((name) => !known.has(name));
    throw invalid(
      info,
      `has no input ${quote(unknown)}; its inputs are ${quote(signature.inputs.map((t) => t.name))}`,
    );
  }
  return inputs;
}

function takeInput(
  info: ServableInfo,
  wanted: TensorSignature,
  given: ReadonlyMap<string, Tensor>,
): Tensor {
  const tensor = given.get(wanted.name);
  if (tensor !== undefined) return tensor;
  const missing = info.signature.inputs.filter((t) => !given.has(t.name)).map((t) => t.name);
  throw invalid(
    info,
    `expected inputs ${quote(info.signature.inputs.map((t) => t.name))} but ${quote(missing)} did not come; got ${quote([...given.keys()])}`,
  );
}

function assertFits(info: ServableInfo, wanted: TensorSignature, tensor: Tensor): void {
  if (tensor.datatype !== wanted.datatype) {
    throw invalid(
      info,
      `input '${wanted.name}' expects ${wanted.datatype}, got ${tensor.datatype}`,
    );
  }
  if (!fitsShape(tensor.shape, wanted.shape)) {
    throw invalid(
      info,
      `input '${wanted.name}' expects shape [${wanted.shape.join(",")}], got [${tensor.shape.join(",")}]`,
    );
  }
  if (tensor.hasNull === true && wanted.nullable !== true) {
    throw invalid(
      info,
      `input '${wanted.name}' holds null, and the model does not accept missing values there`,
    );
  }
}

function fitsShape(shape: readonly number[], wanted: readonly number[]): boolean {
  if (shape.length !== wanted.length) return false;
  for (let i = 0; i < shape.length; i += 1) {
    if (wanted[i] !== -1 && wanted[i] !== shape[i]) return false;
  }
  return true;
}

function takeOutputs(info: ServableInfo, request: InferRequest): readonly string[] {
  const known = info.signature.outputs.map(nameOf);
  if (request.outputs === null) return known;
  const names = request.outputs.map((o) => o.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw invalid(info, `has no output ${quote(unknown)}; its outputs are ${quote(known)}`);
  }
  if (new Set(names).size !== names.length) throw invalid(info, "an output is asked for twice");
  return names;
}

function nameOf({ name }: TensorSignature): string {
  return name;
}

function quote(names: readonly string[]): string {
  return `[${names.map((name) => `'${name.slice(0, 128)}'`).join(", ")}]`;
}

function invalid(info: ServableInfo, problem: string): InferError {
  return new InferError(
    "invalid-argument",
    `model '${info.id.model}' version ${info.id.version}: ${problem}`,
    { details: { model: info.id.model, version: info.id.version } },
  );
}
