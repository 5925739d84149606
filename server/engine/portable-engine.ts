import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { MODEL_FILE } from "../../protocols/repository/layout.ts";
import { siblingUrl } from "../lib/sibling-url.ts";
import type { LoadedVersion, Loader, LoadOptions } from "../models/loader.ts";
import type {
  FromSlot,
  PortableChannel,
  SlotOffer,
  SlotTask,
  ToSlot,
} from "./portable-messages.ts";
import { createRunBlock, RunReader } from "./run-counters.ts";
import { warmupInputs } from "./warmup-inputs.ts";

export interface PortableOptions {
  /** Worker threads, each with a session of its own, per version. */
  readonly engineThreads: number;
  /** Threads inside one run. */
  readonly intraOpThreads: number;
  /** Told of a slot that ended by itself, or could not be opened again, and when the next try is. */
  readonly onSlotLost: (key: string, reason: string, refillInMs: number) => void;
}

/** The first losses in a row are made good at once, later ones after 1 s, 2 s … 60 s, for ever. */
const PROMPT_REFILLS = 3;
const REFILL_FIRST_MS = 1000;
const REFILL_MAX_MS = 60_000;
/** A slot that lived this long ends the row. */
const STEADY_MS = 60_000;
/** A worker thread before it holds a session. */
const THREAD_BYTES = 8 * 1024 * 1024;
/** Longer than any run: Piscina would otherwise terminate a thread inside a native call. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * onnxruntime-node in Piscina: one pool per loaded version, so that ending the pool gives the
 * memory back. Each worker holds one task for its whole life (portable-slot.ts).
 * Runs on the control thread.
 */
export function createPortableEngine(options: PortableOptions): Loader<PortableChannel> {
  return {
    name: "portable",
    costBytes: (weightBytes, { loadedBytes }) =>
      options.engineThreads * (THREAD_BYTES + Math.max(weightBytes, loadedBytes)),
    load: async (load, onWarming) => {
      const version = new PortableVersion(options, load);
      await version.start(onWarming);
      return version;
    },
  };
}

interface Slot {
  readonly control: MessagePort;
  readonly ended: Promise<void>;
  readonly openedMs: number;
}

class PortableVersion implements LoadedVersion<PortableChannel> {
  readonly #options: PortableOptions;
  readonly #load: LoadOptions;
  readonly #warmup: readonly Tensor[] | null;
  readonly #pool: Piscina;
  readonly #slots = new Set<Slot>();
  /** Every task of the pool, those that still open their session too. */
  readonly #tasks = new Set<{ readonly control: MessagePort; readonly ended: Promise<string> }>();
  readonly #links = new Set<MessagePort>();
  readonly #unloading = new AbortController();
  readonly #runs = new RunReader();
  /** Slots lost in a row. */
  #losses = 0;

  constructor(options: PortableOptions, load: LoadOptions) {
    this.#options = options;
    this.#load = load;
    this.#warmup = warmupInputs(load);
    this.#pool = new Piscina({
      filename: fileURLToPath(siblingUrl(import.meta.url, "portable-slot")),
      name: "serveSlot",
      minThreads: options.engineThreads,
      maxThreads: options.engineThreads,
      concurrentTasksPerWorker: 1,
      // A worker must answer its ports between tasks' awaits; Atomics.wait would stop it.
      atomics: "disabled",
      closeTimeout: NEVER_MS,
      idleTimeout: NEVER_MS,
      recordTiming: false,
    });
    // Without a listener a worker's uncaught error would end the process; its task rejects anyway.
    this.#pool.on("error", () => undefined);
  }

  /** Rejects, with everything freed, when any slot cannot load or warm. */
  async start(onWarming: () => void): Promise<void> {
    try {
      const all = Array.from({ length: this.#options.engineThreads }, () =>
        this.#openSlot(onWarming),
      );
      await Promise.all(all);
    } catch (thrown) {
      await this.unload();
      throw thrown;
    }
  }

  batches: RunReader["batches"] = (placement, closedBy) => this.#runs.batches(placement, closedBy);

  connect(): { channel: PortableChannel; transferList: readonly MessagePort[] } {
    const { port1, port2 } = new MessageChannel();
    this.#links.add(port1);
    port1.on("close", () => this.#links.delete(port1));
    port1.unref();
    const ports = [...this.#slots].map(attachTo);
    return { channel: { kind: "portable", ports, link: port2 }, transferList: [port2, ...ports] };
  }

  async unload(): Promise<void> {
    this.#unloading.abort();
    for (const link of this.#links) link.close();
    // The pool may be closed only when no task is left: it would terminate a thread in a native call.
    const ends = [...this.#tasks].map(({ control, ended }) => {
      control.postMessage({ kind: "close" } satisfies ToSlot);
      return ended;
    });
    await Promise.all(ends);
    await this.#pool.close();
  }

  async #openSlot(onWarming: () => void): Promise<void> {
    const { port1: control, port2 } = new MessageChannel();
    const task = this.#taskFor(port2);
    const run: Promise<void> = this.#pool.run(task, { transferList: [port2] });
    const ended = run.then(
      () => "it ended by itself",
      (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
    );
    const opened = { control, ended };
    this.#tasks.add(opened);
    void ended.then(() => this.#tasks.delete(opened));
    await new Promise<void>((resolve, reject) => {
      control.on("message", (message: FromSlot) => {
        if (message.kind === "loaded") onWarming();
        else resolve();
      });
      void ended.then((reason) => reject(new Error(reason)));
    });
    const slot: Slot = {
      control,
      ended: ended.then(() => undefined),
      openedMs: performance.now(),
    };
    this.#slots.add(slot);
    void ended.then((reason) => this.#onSlotEnded(slot, reason));
    for (const link of this.#links) {
      const port = attachTo(slot);
      link.postMessage({ kind: "slot", port } satisfies SlotOffer, [port]);
    }
  }

  #onSlotEnded(slot: Slot, reason: string): void {
    this.#slots.delete(slot);
    slot.control.close();
    if (this.#unloading.signal.aborted) return;
    if (performance.now() - slot.openedMs > STEADY_MS) this.#losses = 0;
    void this.#refill(reason);
  }

  /** Until a slot is open, or the version is unloaded: with none it could answer nothing. */
  async #refill(lostBy: string): Promise<void> {
    const { signal } = this.#unloading;
    for (let reason = lostBy; !signal.aborted; ) {
      const waitMs = refillWaitMs(this.#losses);
      this.#losses += 1;
      this.#options.onSlotLost(this.#load.key, reason, waitMs);
      try {
        await delay(waitMs, undefined, { signal });
        await this.#openSlot(() => undefined);
        return;
      } catch (thrown) {
        reason = thrown instanceof Error ? thrown.message : String(thrown);
      }
    }
  }

  #taskFor(control: MessagePort): SlotTask {
    const { version, report, maxBatchRows } = this.#load;
    const runs = createRunBlock();
    this.#runs.watch(runs);
    return {
      modelPath: join(version.directory, MODEL_FILE),
      intraOpThreads: this.#options.intraOpThreads,
      batching: report.isBatchable ? { maxRows: maxBatchRows } : null,
      warmup: this.#warmup,
      runs,
      control,
    };
  }
}

function refillWaitMs(losses: number): number {
  if (losses < PROMPT_REFILLS) return 0;
  return Math.min(REFILL_FIRST_MS * 2 ** (losses - PROMPT_REFILLS), REFILL_MAX_MS);
}

/** A new port to the slot; what is sent before the slot has its end is kept. */
function attachTo(slot: Slot): MessagePort {
  const { port1, port2 } = new MessageChannel();
  slot.control.postMessage({ kind: "attach", port: port1 } satisfies ToSlot, [port1]);
  return port2;
}
