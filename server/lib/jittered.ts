/** Up to half as much again, so that those who were told the same time do not come back together. */
export function jittered(ms: number, random: () => number = Math.random): number {
  return Math.ceil(ms * (1 + random() / 2));
}
