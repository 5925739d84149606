import type { Parameters, RequestedOutput } from "../core/infer.ts";
import type { Limits } from "../core/limits.ts";
import type { TensorHead } from "./json-cursor.ts";
import type { JsonObject } from "./read-members.ts";
import { type Filling, Skeleton } from "./skeleton.ts";
import type { DataRange } from "./split-json.ts";

/** What the JSON of a tensor says beside its data. */
export interface TensorForm {
  readonly head: TensorHead;
  readonly parameters: Parameters;
}

/** What the JSON of a request says beside its holes. */
export interface RequestForm {
  /** Without `id` where that is a hole. */
  readonly root: JsonObject;
  readonly id: string | null;
  readonly parameters: Parameters;
  readonly outputs: readonly RequestedOutput[] | null;
  readonly tensors: readonly TensorForm[];
}

/** A request whose text has a known skeleton. */
export interface KnownRequest {
  readonly form: RequestForm;
  readonly id: string | null;
  /** By tensor index; null for data that is not in the JSON. What is in a range is unread. */
  readonly data: Filling["data"];
}

interface Entry {
  readonly skeleton: Skeleton;
  readonly form: RequestForm;
  /** Limits are judged when a text is read; under others it must be read again. */
  readonly limits: Limits;
}

const MAX_ENTRIES = 32;
const MAX_SKELETON_BYTES = 1024;
/** A search through a text of more bytes costs; so many skeletons are tried on one. */
const LONG_TEXT_BYTES = 64 * 1024;
const MAX_LONG_TRIES = 2;
/** Texts that are learned without one being seen again, before most are let pass unlearned. */
const MAX_CREDIT = 64;
/** Of texts that come without credit, one in so many is learned. */
const SAMPLING = 64;

/**
 * Remembers what the latest requests said, as clients send one text again and again with other data in
 * it and another id. Bounded; one a thread. Nothing of it can be told from reading the text anew.
 */
export class KnownRequests {
  /** Those that come often stand in front. */
  readonly #entries: Entry[] = [];
  #credit = MAX_CREDIT;
  #unlearned = 0;

  find(json: Buffer, limits: Limits): KnownRequest | null {
    const entries = this.#entries;
    let tries = json.byteLength > LONG_TEXT_BYTES ? MAX_LONG_TRIES : MAX_ENTRIES;
    for (let i = 0; i < entries.length && tries > 0; i++) {
      const entry = entries[i] as Entry;
      if (entry.limits !== limits || !entry.skeleton.surrounds(json)) continue;
      tries--;
      const filling = entry.skeleton.match(json);
      if (filling === null) continue;
      if (i > 0) {
        entries[i] = entries[i - 1] as Entry;
        entries[i - 1] = entry;
      }
      if (this.#credit < MAX_CREDIT) this.#credit++;
      const { form, skeleton } = entry;
      return { form, id: skeleton.hasIdHole ? filling.id : form.id, data: filling.data };
    }
    return null;
  }

  /** @param data where the data is in `json`, a request that was read without an error; null: not in it */
  learn(
    json: Buffer,
    data: readonly (DataRange | null)[],
    form: RequestForm,
    limits: Limits,
  ): void {
    if (!isLearnable(json, data, form, limits) || !this.#isDue()) return;
    const skeleton = new Skeleton(json, data, form.id);
    const { id: _id, ...root } = form.root;
    const entry = { skeleton, form: skeleton.hasIdHole ? { ...form, root } : form, limits };
    if (this.#entries.length === MAX_ENTRIES) this.#entries.pop();
    this.#entries.push(entry);
  }

  /** Learning costs more than reading: where texts do not come again, few are learned. */
  #isDue(): boolean {
    if (this.#credit > 0) {
      this.#credit--;
      return true;
    }
    this.#unlearned = (this.#unlearned + 1) % SAMPLING;
    return this.#unlearned === 0;
  }
}

/** Brackets around a tensor's data. */
const OUTER_DEPTH = 3;

function isLearnable(
  json: Buffer,
  data: readonly (DataRange | null)[],
  form: RequestForm,
  limits: Limits,
): boolean {
  let bytes = json.length;
  for (const range of data) bytes -= range === null ? 0 : range.end - range.start;
  // Else the depth of the data would have to be counted.
  const isDepthFree = limits.maxJsonDepth >= OUTER_DEPTH + limits.maxDims;
  return (
    bytes <= MAX_SKELETON_BYTES && isDepthFree && data.every((range, i) => isArray(form, range, i))
  );
}

/** A bare null would be taken for a missing element, but stands for missing data. */
function isArray(form: RequestForm, range: DataRange | null, tensor: number): boolean {
  return range === null || form.tensors[tensor]?.head.shape.length !== 0;
}
