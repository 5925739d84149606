import type { SlotAllocator } from "../models/version-bringer.ts";

/** Hands out rows 1 to `size - 1` of the shared counters; row 0 is nobody's. */
export function createSlotPool(size: number, onFree: (slot: number) => void): SlotAllocator {
  const free = Array.from({ length: size - 1 }, (_, i) => size - 1 - i);
  return {
    take: () => {
      const slot = free.pop();
      if (slot === undefined)
        throw new Error(`${size - 1} versions are loaded, the most there can be`);
      return slot;
    },
    free: (slot) => {
      onFree(slot);
      free.push(slot);
    },
  };
}
