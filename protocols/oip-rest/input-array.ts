/**
 * Arrays for the inputs of requests. Small ones are views of a slab, as V8 takes fifteen times as long
 * to make an array with memory of its own; whoever hands one to another thread copies it out, as with
 * views of a body (server/engine/transferable.ts). No memory is used twice. One slab a thread.
 */
const SLAB_BYTES = 8 * 1024;
const MAX_VIEW_BYTES = 1024;
/** Of the widest element. */
const ALIGNMENT = 8;

let slab = new ArrayBuffer(SLAB_BYTES);
let usedBytes = 0;

export type ArrayMaker = <T>(ArrayType: TypedArrayConstructor<T>, count: number) => T;

interface TypedArrayConstructor<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): T;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

/** @returns zeros */
export function makeInputArray<T>(ArrayType: TypedArrayConstructor<T>, count: number): T {
  const bytes = count * ArrayType.BYTES_PER_ELEMENT;
  if (bytes > MAX_VIEW_BYTES) return new ArrayType(count);
  if (usedBytes + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    usedBytes = 0;
  }
  const view = new ArrayType(slab, usedBytes, count);
  usedBytes += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  return view;
}

/** An array with memory of its own. @returns zeros */
export function makeArray<T>(ArrayType: TypedArrayConstructor<T>, count: number): T {
  return new ArrayType(count);
}
