/**
 * Is the prediction of this id in the sample? By hash (FNV-1a with MurmurHash3's finaliser), so that
 * every replica and every later look at the id decide alike, whatever the ids' pattern.
 * @param ratio 0 to 1
 */
export function isSampled(inferenceId: string, ratio: number): boolean {
  if (ratio >= 1) return true;
  return ratio > 0 && hash32(inferenceId) < ratio * 2 ** 32;
}

function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
