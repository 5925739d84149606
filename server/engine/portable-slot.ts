import type { MessagePort } from "node:worker_threads";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { BatchClose } from "../models/loader.ts";
import type { Batching } from "../models/servable.ts";
import {
  closeOf,
  dueEpochMsOf,
  insertByDue,
  rowsOf,
  shapeKeyOf,
  splitOutputs,
  stackInputs,
  takeBatch,
} from "./batch-former.ts";
import { describeRunFailure } from "./describe-run-failure.ts";
import { portableSessions } from "./onnx-session.ts";
import type {
  FromSlot,
  SlotAnswer,
  SlotJob,
  SlotJobs,
  SlotTask,
  ToSlot,
} from "./portable-messages.ts";
import { RunCounter } from "./run-counters.ts";
import type { OnnxSession } from "./session-kind.ts";
import { packTensors } from "./transferable.ts";
import { warmUp, warmupBatches } from "./warm-up.ts";

/**
 * The worker side of the portable engine: one session, fed by every serving thread over a port
 * each. What arrives while a run blocks this thread is the next batch, so batches form across
 * serving threads and cost nothing when idle.
 */

interface Pending extends SlotJob {
  readonly port: MessagePort;
  readonly shapeKey: string;
  readonly dueEpochMs: number;
}

class Slot {
  readonly #session: OnnxSession;
  readonly #pending: Pending[] = [];
  readonly #ports = new Set<MessagePort>();
  readonly #runs: RunCounter;
  #isRunning = false;
  #batching: Batching | null;

  constructor(session: OnnxSession, task: SlotTask) {
    this.#session = session;
    this.#batching = task.batching;
    this.#runs = new RunCounter(task.runs);
  }

  attach(port: MessagePort): void {
    this.#ports.add(port);
    port.on("message", (message: SlotJobs) => {
      for (const job of message.jobs) {
        const dueEpochMs = dueEpochMsOf(job.submittedEpochMs, job.deadlineEpochMs, job.priority);
        insertByDue(this.#pending, { ...job, port, shapeKey: shapeKeyOf(job), dueEpochMs });
      }
      for (const id of message.cancelled) this.#cancel(port, id);
      if (!this.#isRunning) void this.#drain();
    });
    port.on("close", () => this.#ports.delete(port));
  }

  /** Frees the session and the ports. REQUIRES: every serving thread has released the version. */
  async close(): Promise<void> {
    for (const port of this.#ports) port.close();
    await this.#session.release();
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    try {
      // Other serving threads' messages of this turn join the first batch.
      await new Promise(setImmediate);
      while (this.#pending.length > 0) {
        this.#dropExpired();
        const batch = takeBatch(this.#pending, this.#batching);
        await this.#runBatch(batch, closeOf(batch, this.#pending, this.#batching));
      }
    } finally {
      this.#isRunning = false;
    }
  }

  #cancel(port: MessagePort, id: number): void {
    const at = this.#pending.findIndex((job) => job.id === id && job.port === port);
    const [job] = at < 0 ? [] : this.#pending.splice(at, 1);
    if (job !== undefined) fail(job, "cancelled", "the client went away while the request waited");
  }

  #dropExpired(): void {
    const now = epochNowMs();
    for (let i = 0; i < this.#pending.length; ) {
      const job = this.#pending[i] as Pending;
      if (job.deadlineEpochMs === null || job.deadlineEpochMs > now) {
        i += 1;
        continue;
      }
      this.#pending.splice(i, 1);
      fail(job, "deadline-exceeded", "the deadline passed while the request waited for the engine");
    }
  }

  async #runBatch(jobs: readonly Pending[], closedBy: BatchClose): Promise<void> {
    const first = jobs[0];
    if (first === undefined) return;
    this.#runs.add("engine", closedBy, 1);
    const startMs = epochNowMs();
    try {
      const inputs = jobs.length === 1 ? first.inputs : stackInputs(jobs);
      const outputs = await this.#session.run(inputs, first.outputs);
      const computeMs = epochNowMs() - startMs;
      const perJob = jobs.length === 1 ? [outputs] : splitOutputs(outputs, jobs);
      if (perJob === null) {
        // Proved with small shapes, wrong with these: never stack again, and run each alone now.
        this.#batching = null;
        for (const job of jobs) await this.#runBatch([job], "not-batchable");
        return;
      }
      answerAll(jobs, perJob, startMs, computeMs);
    } catch (thrown) {
      await this.#afterFailure(jobs, thrown);
    }
  }

  /** One bad request must not fail its neighbours: a failed batch is run again one by one. */
  async #afterFailure(jobs: readonly Pending[], thrown: unknown): Promise<void> {
    if (jobs.length === 1) {
      fail(jobs[0] as Pending, "invalid-argument", describeRunFailure(thrown));
      return;
    }
    for (const job of jobs) await this.#runBatch([job], "not-batchable");
  }
}

function answerAll(
  jobs: readonly Pending[],
  perJob: readonly Tensor[][],
  startMs: number,
  computeMs: number,
): void {
  const batchRows = jobs.reduce((sum, job) => sum + (rowsOf(job) ?? 1), 0);
  const byPort = new Map<MessagePort, { answers: SlotAnswer[]; transferList: ArrayBuffer[] }>();
  for (const [i, job] of jobs.entries()) {
    const mail = byPort.get(job.port) ?? { answers: [], transferList: [] };
    byPort.set(job.port, mail);
    mail.answers.push({
      kind: "done",
      id: job.id,
      outputs: packTensors(perJob[i] as Tensor[], mail.transferList),
      queueMs: Math.max(0, startMs - job.submittedEpochMs),
      computeMs,
      batchRows,
    });
  }
  for (const [port, { answers, transferList }] of byPort)
    port.postMessage({ answers }, transferList);
}

function fail(
  job: Pending,
  code: Extract<SlotAnswer, { kind: "failed" }>["code"],
  message: string,
): void {
  const answer: SlotAnswer = { kind: "failed", id: job.id, code, message };
  job.port.postMessage({ answers: [answer] });
}

async function warm(session: OnnxSession, { warmup, batching }: SlotTask): Promise<void> {
  if (warmup === null) return;
  const outputs = session.signature.outputs.map((output) => output.name);
  await warmUp(
    warmupBatches(warmup, batching?.maxRows ?? 1),
    (inputs) => session.run(inputs, outputs),
    () => performance.now(),
  );
}

/**
 * The Piscina task: resolves when the slot has been told to close and has freed its session, rejects
 * when the session cannot be opened or warmed.
 */
export async function serveSlot(task: SlotTask): Promise<void> {
  const { control } = task;
  const tell = (message: FromSlot) => control.postMessage(message);
  let slot: Slot;
  try {
    const session = await portableSessions.open(task.modelPath, task.intraOpThreads);
    tell({ kind: "loaded" });
    await warm(session, task);
    slot = new Slot(session, task);
  } catch (thrown) {
    control.close();
    throw thrown;
  }
  await new Promise<void>((resolve) => {
    control.on("message", (message: ToSlot) => {
      if (message.kind === "attach") slot.attach(message.port);
      else resolve();
    });
    tell({ kind: "ready" });
  });
  await slot.close();
  control.close();
}
