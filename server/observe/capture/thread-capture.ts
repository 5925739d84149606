import type { LabelRecord } from "../../../protocols/capture/capture-record.ts";
import { InferError } from "../../../protocols/core/status.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { matchesGlob } from "../../access/glob.ts";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import type { ServableInfo } from "../../models/servable.ts";
import type { AnsweredPrediction, CaptureTap } from "../../request/capture-tap.ts";
import { CaptureCounters } from "./capture-counters.ts";
import type {
  CaptureChannel,
  LabelsStored,
  QueuedPrediction,
  ToCapture,
} from "./capture-messages.ts";
import { isSampled } from "./is-sampled.ts";

/** A tensor with more bytes of values is left out of its record: images would flood the sink. */
export const MAX_TENSOR_BYTES = 64 * 1024;
/** What a record and a tensor take beside their values, roughly. */
const RECORD_BYTES = 256;
const TENSOR_BYTES = 64;
const STRING_BYTES = 16;
const LABEL_BYTES = 256;
/** Many records a message: a message costs more than a record. */
const FLUSH_MS = 25;
const FLUSH_RECORDS = 256;
const LABEL_TIMEOUT_MS = 10_000;

/** The serving thread's end of capture. */
export class ThreadCapture implements CaptureTap {
  readonly #channel: CaptureChannel;
  readonly #counters: CaptureCounters;
  readonly #isModelWanted = new WeakMap<ServableInfo, boolean>();
  readonly #exclude: ReadonlySet<string>;
  readonly #labelCalls = new Map<number, Deferred<void>>();
  #outbox: QueuedPrediction[] = [];
  #outboxBytes = 0;
  #flushTimer: NodeJS.Timeout | null = null;
  #isClosed = false;
  #nextCallId = 1;

  constructor(channel: CaptureChannel) {
    this.#channel = channel;
    this.#counters = new CaptureCounters(channel.counters);
    this.#exclude = new Set(channel.exclude);
    channel.port.on("message", (stored: LabelsStored) => this.#settleLabels(stored));
    channel.port.on("close", () => this.#lose());
    channel.port.unref();
  }

  takeInputs(
    info: ServableInfo,
    inferenceId: string,
    inputs: readonly Tensor[],
  ): readonly Tensor[] | null {
    if (!this.#wants(info) || !isSampled(inferenceId, this.#channel.ratio)) return null;
    const taken: Tensor[] = [];
    for (const input of inputs) {
      if (!this.#exclude.has(input.name) && this.#isSmall(input)) taken.push(copyOf(input));
    }
    return taken;
  }

  put(prediction: AnsweredPrediction): void {
    const outputs = prediction.outputs.filter((output) => this.#isSmall(output)).map(ownedOf);
    const bytes = RECORD_BYTES + bytesOfAll(prediction.inputs) + bytesOfAll(outputs);
    if (this.#isClosed) {
      this.#counters.addDropped("sink-failed", 1);
      return;
    }
    if (!this.#counters.reserve(bytes, this.#channel.queueBytes)) {
      this.#counters.addDropped("queue-full", 1);
      return;
    }
    this.#outbox.push({ ...prediction, outputs, atMs: Date.now() });
    this.#outboxBytes += bytes;
    if (this.#outbox.length >= FLUSH_RECORDS) this.#flush();
    else this.#flushTimer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref();
  }

  /** Resolves once the labels are durably kept. @throws InferError `queue-full`, `unavailable` */
  async storeLabels(records: readonly LabelRecord[]): Promise<void> {
    if (this.#isClosed) throw unavailable("the capture thread has ended");
    const bytes = records.length * LABEL_BYTES;
    if (!this.#counters.reserve(bytes, this.#channel.queueBytes)) {
      throw new InferError(
        "queue-full",
        `${this.#counters.waitingBytes} bytes of capture records wait to be written, the limit is ${this.#channel.queueBytes} (captureQueueBytes)`,
        { retryAfterMs: 1000 },
      );
    }
    const callId = this.#nextCallId++;
    const call = createDeferred<void>();
    this.#labelCalls.set(callId, call);
    // Predictions that were answered before stand before their labels.
    this.#flush();
    this.#post({ kind: "labels", callId, records, bytes });
    const timer = setTimeout(() => {
      call.reject(unavailable(`they were not kept within ${LABEL_TIMEOUT_MS} ms`));
    }, LABEL_TIMEOUT_MS);
    try {
      await call.promise;
    } finally {
      clearTimeout(timer);
      this.#labelCalls.delete(callId);
    }
  }

  /** Sends what is queued and lets the capture thread know that no more comes. */
  close(): void {
    this.#flush();
    this.#isClosed = true;
    this.#channel.port.close();
  }

  #wants(info: ServableInfo): boolean {
    const known = this.#isModelWanted.get(info);
    if (known !== undefined) return known;
    const isWanted = this.#channel.models.some((glob) => matchesGlob(glob, info.id.model));
    this.#isModelWanted.set(info, isWanted);
    return isWanted;
  }

  #isSmall(tensor: Tensor): boolean {
    if (valueBytesOf(tensor) <= MAX_TENSOR_BYTES) return true;
    this.#counters.addDropped("tensor-too-large", 1);
    return false;
  }

  #flush(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    if (this.#outbox.length === 0) return;
    this.#post({ kind: "predictions", predictions: this.#outbox, bytes: this.#outboxBytes });
    this.#outbox = [];
    this.#outboxBytes = 0;
  }

  #post(message: ToCapture): void {
    this.#channel.port.postMessage(message);
  }

  #settleLabels({ callId, problem }: LabelsStored): void {
    const call = this.#labelCalls.get(callId);
    if (problem === null) call?.resolve();
    else call?.reject(unavailable(problem));
  }

  #lose(): void {
    this.#isClosed = true;
    for (const call of this.#labelCalls.values()) {
      call.reject(unavailable("the capture thread has ended"));
    }
  }
}

function unavailable(why: string): InferError {
  return new InferError("unavailable", `the labels could not be kept: ${why}`, {
    retryAfterMs: 1000,
  });
}

function valueBytesOf({ data }: Tensor): number {
  if (!Array.isArray(data)) return data.byteLength;
  let bytes = 0;
  for (const text of data) bytes += text.length + STRING_BYTES;
  return bytes;
}

function bytesOfAll(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + TENSOR_BYTES + valueBytesOf(tensor), 0);
}

/** Strings are immutable, and the engine leaves their array alone. */
function copyOf(tensor: Tensor): Tensor {
  return Array.isArray(tensor.data) ? tensor : { ...tensor, data: tensor.data.slice() };
}

/** A clone of a view would clone all of the buffer under it. */
function ownedOf(tensor: Tensor): Tensor {
  const { data } = tensor;
  if (Array.isArray(data) || data.byteLength === data.buffer.byteLength) return tensor;
  return { ...tensor, data: data.slice() };
}
