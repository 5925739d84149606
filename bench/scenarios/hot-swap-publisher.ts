import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Child } from "../child.ts";
import type { SwapReply, SwapRequest } from "./hot-swap-process.ts";
import type { Swap, SwapPlan } from "./hot-swap-versions.ts";

const SWAP_TIMEOUT_MS = 150_000;

/** Publishes from a process of its own, on the generator's cores; `close` ends it. */
export class Publisher {
  readonly #plan: SwapRequest;
  readonly #child: Child;

  constructor(plan: SwapPlan) {
    this.#plan = plan;
    const script = fileURLToPath(new URL("./hot-swap-process.js", import.meta.url));
    this.#child = new Child("publisher", script, []);
  }

  /** Resolves when the new version answers. REQUIRES: the one before has settled. */
  async swap(): Promise<Swap> {
    const reply = (await this.#child.ask(this.#plan, SWAP_TIMEOUT_MS)) as SwapReply;
    if (reply.kind === "failed") throw new Error(reply.message);
    return reply.swap;
  }

  /**
   * Publishes again and again, `pauseMs` before each and after the last version answers.
   * @returns ends it after the swap under way; all swaps. Rejects when one failed
   */
  repeat(pauseMs: number): () => Promise<readonly Swap[]> {
    const swaps: Swap[] = [];
    const stop = new AbortController();
    const loop = async (): Promise<void> => {
      while (await isPauseOver(pauseMs, stop.signal)) swaps.push(await this.swap());
    };
    const done = loop();
    // Whoever stops hears of it; until then it must not end the process.
    done.catch(() => undefined);
    return async () => {
      stop.abort();
      await done;
      return swaps;
    };
  }

  async close(): Promise<void> {
    await this.#child.stop();
  }
}

/** False when it was broken off. */
async function isPauseOver(pauseMs: number, signal: AbortSignal): Promise<boolean> {
  await setTimeout(pauseMs, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
