import type { Datatype } from "../core/datatype.ts";
import type { Tensor } from "../core/tensor.ts";
import { quoteJson } from "./quote-json.ts";

/**
 * The beginnings of JSON objects that messages have in common: a model says the same of itself in every
 * answer, and mostly of its outputs. Each is remembered by its name; bounded, of the calling thread.
 */
const MAX_HEADS = 256;
const MAX_NAME_CHARS = 128;

interface ModelHead {
  readonly version: string;
  readonly text: string;
}

interface TensorTextHead {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly text: string;
}

const modelHeads = new Map<string, ModelHead>();
const tensorHeads = new Map<string, TensorTextHead>();

/** `{"model_name":…,"model_version":…` */
export function modelHead(name: string, version: string): string {
  const known = modelHeads.get(name);
  if (known?.version === version) return known.text;
  const text = `{"model_name":${quoteJson(name)},"model_version":${quoteJson(version)}`;
  remember(modelHeads, name, { version, text });
  return text;
}

/** `{"name":…,"shape":[…],"datatype":…` */
export function tensorHead({ name, datatype, shape }: Tensor): string {
  const known = tensorHeads.get(name);
  if (known?.datatype === datatype && isSame(known.shape, shape)) return known.text;
  const text = `{"name":${quoteJson(name)},"shape":[${shape.join(",")}],"datatype":"${datatype}"`;
  remember(tensorHeads, name, { datatype, shape: [...shape], text });
  return text;
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) {
    if (one[i] !== other[i]) return false;
  }
  return true;
}

function remember<T>(heads: Map<string, T>, name: string, head: T): void {
  if (name.length > MAX_NAME_CHARS) return;
  if (heads.size >= MAX_HEADS) heads.clear();
  heads.set(name, head);
}
