/**
 * Numbers in [0, 1) by seed: SplitMix32 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", 2014). The same on every machine.
 */
export function createRandom(seed: number): () => number {
  let state = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/**
 * `count` of the numbers 0 … size-1, ascending, each set as likely as any other (Knuth, The Art of
 * Computer Programming 2, algorithm 3.4.2 S).
 */
export function chooseSorted(
  size: number,
  count: number,
  random: () => number,
): Int32Array<ArrayBuffer> {
  const chosen = new Int32Array(Math.min(size, count));
  if (count >= size) {
    for (let i = 0; i < size; i += 1) chosen[i] = i;
    return chosen;
  }
  let taken = 0;
  for (let i = 0; i < size && taken < chosen.length; i += 1) {
    if ((size - i) * random() < chosen.length - taken) {
      chosen[taken] = i;
      taken += 1;
    }
  }
  return chosen;
}
