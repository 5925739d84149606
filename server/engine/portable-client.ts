import type { MessagePort } from "node:worker_threads";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { Job, JobResult, ServableInfo } from "../models/servable.ts";
import type { ConnectedServable } from "./connected-servable.ts";
import type {
  PortableChannel,
  SlotAnswer,
  SlotAnswers,
  SlotJob,
  SlotJobs,
  SlotOffer,
} from "./portable-messages.ts";
import { packTensors } from "./transferable.ts";

interface SentJob {
  readonly job: Job;
  readonly answer: Deferred<JobResult>;
}

interface SlotLine {
  readonly port: MessagePort;
  readonly inFlight: Map<number, SentJob>;
  readonly cancelled: number[];
  readonly outbox: SlotJob[];
  readonly transferList: ArrayBuffer[];
}

/** Joins a version that the portable engine holds. */
export function connectPortable(info: ServableInfo, channel: PortableChannel): ConnectedServable {
  return new PortableClient(info, channel);
}

class PortableClient implements ConnectedServable {
  readonly info: ServableInfo;
  readonly #link: MessagePort;
  readonly #lines: SlotLine[] = [];
  #nextId = 1;
  #isFlushPlanned = false;

  constructor(info: ServableInfo, channel: PortableChannel) {
    this.info = info;
    for (const port of channel.ports) this.#addLine(port);
    this.#link = channel.link;
    this.#link.on("message", (offer: SlotOffer) => this.#addLine(offer.port));
  }

  /** Its workers do not tell what their runs cost. */
  findOverload(): null {
    return null;
  }

  predictDrainMs(): null {
    return null;
  }

  explainClasses(): readonly [] {
    return [];
  }

  run(job: Job): Promise<JobResult> {
    const line = this.#shortestLine();
    if (line === null) {
      return Promise.reject(
        new InferError("unavailable", `model '${this.info.id.model}' has no engine thread now`, {
          retryAfterMs: 1000,
        }),
      );
    }
    const refusal = refuseNul(job.inputs);
    if (refusal !== null) return Promise.reject(refusal);
    const id = this.#nextId++;
    const answer = createDeferred<JobResult>();
    line.inFlight.set(id, { job, answer });
    line.outbox.push({
      id,
      inputs: packTensors(job.inputs, line.transferList),
      outputs: job.outputs,
      submittedEpochMs: epochNowMs(),
      deadlineEpochMs: job.deadlineEpochMs,
      priority: job.priority,
    });
    this.#planFlush();
    return answer.promise;
  }

  /** The slot answers: it alone knows whether the job has begun. */
  cancel(job: Job): void {
    for (const line of this.#lines) {
      for (const [id, sent] of line.inFlight) {
        if (sent.job !== job) continue;
        line.cancelled.push(id);
        this.#planFlush();
        return;
      }
    }
  }

  close(): void {
    this.#link.close();
    for (const line of this.#lines) line.port.close();
  }

  #addLine(port: MessagePort): void {
    const line: SlotLine = {
      ...{ port, inFlight: new Map(), cancelled: [], outbox: [], transferList: [] },
    };
    this.#lines.push(line);
    port.on("message", (message: SlotAnswers) => {
      for (const answer of message.answers) settle(line, answer);
    });
    port.on("close", () => this.#loseLine(line));
  }

  /** The worker ended: exactly its own requests fail, and the client may safely try again. */
  #loseLine(line: SlotLine): void {
    this.#lines.splice(this.#lines.indexOf(line), 1);
    for (const { answer } of line.inFlight.values()) {
      answer.reject(
        new InferError("unavailable", "the engine thread that held the request ended", {
          retryAfterMs: 1000,
        }),
      );
    }
    line.inFlight.clear();
  }

  #shortestLine(): SlotLine | null {
    let shortest: SlotLine | null = null;
    for (const line of this.#lines) {
      if (shortest === null || line.inFlight.size < shortest.inFlight.size) shortest = line;
    }
    return shortest;
  }

  /** One message for all jobs of this turn of the event loop: a message costs more than a job. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    setImmediate(() => {
      this.#isFlushPlanned = false;
      for (const line of this.#lines) flush(line);
    });
  }
}

/** onnxruntime-node cuts strings at NUL; an error is better than another answer. */
function refuseNul(inputs: readonly Tensor[]): InferError | null {
  for (const { name, data } of inputs) {
    if (!Array.isArray(data)) continue;
    const at = data.findIndex((text) => text.includes("\0"));
    if (at < 0) continue;
    return new InferError(
      "unsupported",
      `input '${name}' element ${at} holds a NUL byte, which this engine cannot carry in BYTES`,
    );
  }
  return null;
}

function flush(line: SlotLine): void {
  if (line.outbox.length === 0 && line.cancelled.length === 0) return;
  const message: SlotJobs = { jobs: line.outbox, cancelled: line.cancelled };
  line.port.postMessage(message, line.transferList);
  line.outbox.length = 0;
  line.cancelled.length = 0;
  line.transferList.length = 0;
}

function settle(line: SlotLine, answer: SlotAnswer): void {
  const waiting = line.inFlight.get(answer.id);
  if (waiting === undefined) return;
  line.inFlight.delete(answer.id);
  if (answer.kind === "failed") waiting.answer.reject(new InferError(answer.code, answer.message));
  else waiting.answer.resolve(answer);
}
