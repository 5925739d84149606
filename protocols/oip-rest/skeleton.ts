import { BACKSLASH, QUOTE } from "./json-bytes.ts";
import type { DataRange } from "./split-json.ts";

/** Where the texts of one skeleton differ. */
interface Hole extends DataRange {
  /** Index of the tensor whose data it is; null: the id, without its quotes. */
  readonly tensor: number | null;
}

/** What fills the holes of one text. */
export interface Filling {
  /** null where the id is no hole. */
  readonly id: string | null;
  /** By tensor index; null for a tensor without a hole. */
  readonly data: readonly (DataRange | null)[];
}

/**
 * The text of a request around its holes: the data of its tensors, and the id where it is plain. Two
 * texts with one skeleton mean the same but for what is in their holes.
 */
export class Skeleton {
  readonly hasIdHole: boolean;
  readonly #holes: readonly Hole[];
  /** One more than there are holes; all but the first and the last have at least one byte. */
  readonly #pieces: readonly Buffer[];
  readonly #tensorCount: number;

  /**
   * @param json a request that was read
   * @param data where its data is, by tensor index; null for data that is not in the JSON
   * @param id what was read as its id
   */
  constructor(json: Buffer, data: readonly (DataRange | null)[], id: string | null) {
    const holes = dataHoles(data);
    const idHole = id === null ? null : findIdHole(json, holes, id);
    if (idHole !== null) holes.push(idHole);
    holes.sort((a, b) => a.start - b.start);
    this.hasIdHole = idHole !== null;
    this.#holes = holes;
    this.#pieces = cutPieces(json, holes).map((piece) => Buffer.from(piece));
    this.#tensorCount = data.length;
  }

  /** Whether `json` begins and ends as this skeleton does: what `match` can tell without a search. */
  surrounds(json: Buffer): boolean {
    const last = this.#pieces.length - 1;
    const lastAt = json.byteLength - (this.#pieces[last] as Buffer).byteLength;
    if (last === 0) return lastAt === 0 && this.#stepOver(json, 0, 0) !== -1;
    return (
      lastAt >= 0 && this.#stepOver(json, 0, 0) !== -1 && this.#stepOver(json, lastAt, last) !== -1
    );
  }

  /**
   * The filling of `json` where all around it is this skeleton, byte for byte; else null. A range is
   * the data of its tensor only if one whole JSON value turns out to fill it.
   * REQUIRES: surrounds(json).
   */
  match(json: Buffer): Filling | null {
    const holes = this.#holes;
    const last = holes.length;
    const lastAt = json.byteLength - (this.#pieces[last] as Buffer).byteLength;
    const data: (DataRange | null)[] = [];
    for (let i = 0; i < this.#tensorCount; i++) data.push(null);
    let id: string | null = null;
    let pos = last === 0 ? 0 : (this.#pieces[0] as Buffer).byteLength;
    for (let i = 0; i < last && pos !== -1; i++) {
      const { tensor } = holes[i] as Hole;
      const start = pos;
      const end = tensor === null ? endOfPlainText(json, start) : this.#endOfData(json, start, i);
      if (end < start) return null;
      if (tensor === null) id = json.toString("latin1", start, end);
      else data[tensor] = { start, end };
      // The last piece is where it should be: `surrounds` saw it.
      pos = i + 1 === last ? end : this.#stepOver(json, end, i + 1);
    }
    return pos === lastAt ? { id, data } : null;
  }

  /** The position after piece `index` if it stands at `at`; else -1. */
  #stepOver(json: Buffer, at: number, index: number): number {
    const piece = this.#pieces[index] as Buffer;
    const { length } = piece;
    if (at + length > json.length) return -1;
    for (let i = 0; i < length; i++) {
      if (json[at + i] !== piece[i]) return -1;
    }
    return at + length;
  }

  /** Behind the last hole is the last piece; before that, data of numbers ends where the next piece is first seen. */
  #endOfData(json: Buffer, start: number, hole: number): number {
    const next = this.#pieces[hole + 1] as Buffer;
    const isLast = hole === this.#holes.length - 1;
    return isLast ? json.length - next.length : json.indexOf(next, start);
  }
}

function dataHoles(data: readonly (DataRange | null)[]): Hole[] {
  return data.flatMap((range, tensor) => (range === null ? [] : [{ ...range, tensor }]));
}

function cutPieces(json: Buffer, holes: readonly Hole[]): readonly Buffer[] {
  const starts = [0, ...holes.map((hole) => hole.end)];
  return starts.map((start, i) => json.subarray(start, holes[i]?.start));
}

/** A member `id` whose text is printable ASCII without escapes. */
const PLAIN_ID = /"id"[ \t\r\n]*:[ \t\r\n]*"([ !#-[\]-~]*)"/dg;

/** The hole of the root's id, proved by parsing the text with another id in it; null where none is. */
function findIdHole(json: Buffer, holes: readonly Hole[], id: string): Hole | null {
  const ordered = holes.toSorted((a, b) => a.start - b.start);
  const starts = [0, ...ordered.map((hole) => hole.end)];
  for (const [i, piece] of cutPieces(json, ordered).entries()) {
    // A character a byte, so that places in the text are places in the bytes.
    for (const found of piece.toString("latin1").matchAll(PLAIN_ID)) {
      const [from, to] = found.indices?.[1] ?? [0, 0];
      const start = (starts[i] as number) + from;
      const hole = { start, end: start + to - from, tensor: null };
      if (found[1] === id && isRootId(json, [...ordered, hole], id)) return hole;
    }
  }
  return null;
}

/**
 * Whether the text in the id's hole is the root's id, whatever it is: `id` is what the parser gives
 * now, so that it gives another id only if the hole holds it.
 */
function isRootId(json: Buffer, holes: readonly Hole[], id: string): boolean {
  const ordered = holes.toSorted((a, b) => a.start - b.start);
  const probe = `${id}~`;
  let text = "";
  for (const [i, piece] of cutPieces(json, ordered).entries()) {
    if (i > 0) text += ordered[i - 1]?.tensor === null ? probe : "null";
    text += piece.toString("utf8");
  }
  return rootIdOf(text) === probe;
}

function rootIdOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly id?: unknown }).id;
  } catch {
    return null;
  }
}

/** The position of the quote that ends printable ASCII without escapes; -1 for any other text. */
function endOfPlainText(json: Buffer, start: number): number {
  for (let pos = start; pos < json.length; pos++) {
    const byte = json[pos] as number;
    if (byte === QUOTE) return pos;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}
