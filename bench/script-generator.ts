import { Worker } from "node:worker_threads";
import type { Generator, GeneratorReport, ShowTotals } from "./generator.ts";
import type { GeneratorMessage, GoMessage, LoadPlan } from "./load-plan.ts";

/** A generator thread, seen from outside. */
export class ScriptGenerator implements Generator {
  readonly ready: Promise<void>;
  readonly done: Promise<GeneratorReport>;
  readonly #worker: Worker;

  constructor(plan: LoadPlan, showTotals: ShowTotals) {
    this.#worker = new Worker(new URL("./generator-thread.js", import.meta.url), {
      workerData: plan,
    });
    const worker = this.#worker;
    this.ready = new Promise((resolve, reject) => {
      worker.on("message", (message: GeneratorMessage) => {
        if (message.kind === "ready") resolve();
        if (message.kind === "failed") reject(new Error(message.message));
        if (message.kind === "progress") showTotals(message.answered, message.errors);
      });
      rejectOnEnd(worker, reject);
    });
    this.done = new Promise((resolve, reject) => {
      worker.on("message", (message: GeneratorMessage) => {
        if (message.kind === "done") resolve(message.report);
        if (message.kind === "failed") reject(new Error(message.message));
      });
      rejectOnEnd(worker, reject);
    });
    // Whoever waits for `ready` only must not leave a rejection of `done` behind.
    this.done.catch(() => undefined);
  }

  go(): void {
    this.#worker.postMessage({ kind: "go" } satisfies GoMessage);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function rejectOnEnd(worker: Worker, reject: (error: Error) => void): void {
  worker.on("error", reject);
  worker.on("exit", (code) =>
    reject(new Error(`a generator thread ended with ${code} before it reported`)),
  );
}
