import { setPriority } from "node:os";
import {
  createSwapper,
  type Swap,
  type SwapPlan,
  type VersionSwapper,
} from "./hot-swap-versions.ts";

/** Sent for every swap, with the same plan each time. */
export type SwapRequest = SwapPlan;
export type SwapReply =
  | { readonly kind: "swapped"; readonly swap: Swap }
  | { readonly kind: "failed"; readonly message: string };

/**
 * Entry of the process that publishes while a load is measured. Hashing and writing a big model
 * takes a core for a while: it is done at the lowest priority, beside the generator and not in it.
 */

const LOWEST_PRIORITY = 19;

let swapper: VersionSwapper | null = null;

async function swap(plan: SwapPlan): Promise<SwapReply> {
  try {
    swapper ??= await createSwapper(plan);
    return { kind: "swapped", swap: await swapper.swap() };
  } catch (thrown) {
    return { kind: "failed", message: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

setPriority(LOWEST_PRIORITY);
process.on("message", (plan: SwapRequest) => {
  void swap(plan).then((reply) => process.send?.(reply));
});
