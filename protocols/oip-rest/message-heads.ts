import type { Datatype } from "../core/datatype.ts";
import type { Tensor } from "../core/tensor.ts";

/**
 * The beginnings of JSON objects that messages have in common: a model says the same of itself in every
 * answer, and mostly of its outputs and parameters. Each is remembered by its name; bounded, of the calling thread.
 */
const MAX_HEADS = 256;
const MAX_NAME_CHARS = 128;

interface ModelHead {
  readonly version: string;
  readonly bytes: Uint8Array;
}

interface TensorTextHead {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const utf8 = new TextEncoder();
const memberHeads = new Map<string, Uint8Array>();
const modelHeads = new Map<string, ModelHead>();
const tensorHeads = new Map<string, TensorTextHead>();

/** `"…":` */
export function memberHead(name: string): Uint8Array {
  const known = memberHeads.get(name);
  if (known !== undefined) return known;
  const bytes = utf8.encode(`${JSON.stringify(name)}:`);
  remember(memberHeads, name, bytes);
  return bytes;
}

/** `{"model_name":…,"model_version":…` */
export function modelHead(name: string, version: string): Uint8Array {
  const known = modelHeads.get(name);
  if (known?.version === version) return known.bytes;
  const bytes = utf8.encode(
    `{"model_name":${JSON.stringify(name)},"model_version":${JSON.stringify(version)}`,
  );
  remember(modelHeads, name, { version, bytes });
  return bytes;
}

/** `{"name":…,"shape":[…],"datatype":…` */
export function tensorHead({ name, datatype, shape }: Tensor): Uint8Array {
  const known = tensorHeads.get(name);
  if (known?.datatype === datatype && isSame(known.shape, shape)) return known.bytes;
  const bytes = utf8.encode(
    `{"name":${JSON.stringify(name)},"shape":[${shape.join(",")}],"datatype":"${datatype}"`,
  );
  remember(tensorHeads, name, { datatype, shape: [...shape], bytes });
  return bytes;
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
