/**
 * Entry of the capture thread: serialises what serving threads send and hands it to the sink. It
 * ends by itself once it was told to stop and every serving thread has closed its port.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createLogger, type Logger } from "../../lib/log.ts";
import { CaptureCounters } from "./capture-counters.ts";
import type {
  CaptureBirth,
  CaptureOrder,
  CaptureSink,
  LabelsStored,
  ToCapture,
} from "./capture-messages.ts";
import { FolderSink } from "./folder-sink.ts";
import type { RecordSink } from "./record-sink.ts";
import { RedisSink } from "./redis-sink.ts";
import { serialiseLabel, serialisePrediction } from "./serialise-record.ts";

const LOG_EVERY_MS = 60_000;

class CaptureThread {
  readonly #control: MessagePort;
  readonly #counters: CaptureCounters;
  readonly #log: Logger;
  readonly #sink: RecordSink;
  readonly #ports = new Set<MessagePort>();
  #isStopping = false;
  #lastLogMs = Number.NEGATIVE_INFINITY;
  #failuresSince = 0;

  constructor(birth: CaptureBirth, control: MessagePort) {
    this.#control = control;
    this.#counters = new CaptureCounters(birth.counters);
    this.#log = createLogger(birth.logLevel, "capture");
    this.#sink = this.#createSink(birth.sink);
    control.on("message", (order: CaptureOrder) => this.#obey(order));
  }

  #createSink(sink: CaptureSink): RecordSink {
    if (sink.kind === "redis") return new RedisSink(sink.url, sink.stream, this.#log);
    return new FolderSink({
      ...sink,
      onFault: (thrown) => this.#report(thrown),
      onAdopted: (names) =>
        this.#log.info({ files: names.length }, "files of an ended server completed"),
    });
  }

  #obey(order: CaptureOrder): void {
    if (order.kind === "stop") {
      this.#isStopping = true;
      void this.#endWhenIdle();
      return;
    }
    const { port } = order;
    this.#ports.add(port);
    port.on("message", (message: ToCapture) => void this.#take(port, message));
    port.on("close", () => {
      this.#ports.delete(port);
      void this.#endWhenIdle();
    });
  }

  /** Never rejects. */
  async #take(port: MessagePort, message: ToCapture): Promise<void> {
    const isLabels = message.kind === "labels";
    const count = isLabels ? message.records.length : message.predictions.length;
    let problem: string | null = null;
    try {
      if (isLabels) await this.#sink.writeDurably(message.records.map(serialiseLabel));
      else await this.#sink.write(message.predictions.map(serialisePrediction));
      this.#counters.addRecords(isLabels ? "label" : "prediction", count);
    } catch (thrown) {
      problem = thrown instanceof Error ? thrown.message : "the sink failed";
      this.#counters.addDropped("sink-failed", count);
      this.#report(thrown);
    }
    this.#counters.release(message.bytes);
    if (isLabels) port.postMessage({ callId: message.callId, problem } satisfies LabelsStored);
  }

  async #endWhenIdle(): Promise<void> {
    if (!this.#isStopping || this.#ports.size > 0) return;
    try {
      await this.#sink.close();
    } catch (thrown) {
      this.#log.error({ err: thrown }, "the last capture records may be lost");
    }
    this.#control.close();
  }

  /** A full disk fails every write: one line a minute says so. */
  #report(thrown: unknown): void {
    this.#failuresSince += 1;
    const nowMs = performance.now();
    if (nowMs - this.#lastLogMs < LOG_EVERY_MS) return;
    this.#log.error({ err: thrown, failures: this.#failuresSince }, "capture records are lost");
    this.#lastLogMs = nowMs;
    this.#failuresSince = 0;
  }
}

if (parentPort !== null) new CaptureThread(workerData as CaptureBirth, parentPort);
