/**
 * What happens to the old champion while a new one loads; named after TensorFlow Serving's
 * AvailabilityPreservingPolicy and ResourcePreservingPolicy. availability: it serves until the new one
 * is ready (make before break). resource: it is unloaded once the new one is vetted, before that
 * loads, and requests wait meanwhile (break before make); `previous` is not kept in memory.
 */
export const SWAP_POLICIES = ["availability", "resource"] as const;
export type SwapPolicy = (typeof SWAP_POLICIES)[number];

/** null: it is neither. */
export function parseSwapPolicy(text: string): SwapPolicy | null {
  return SWAP_POLICIES.find((policy) => policy === text) ?? null;
}
