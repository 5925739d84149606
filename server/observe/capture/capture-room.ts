import { accessSync, constants, mkdirSync } from "node:fs";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Config } from "../../config/config.ts";
import type { Logger } from "../../lib/log.ts";
import { siblingUrl } from "../../lib/sibling-url.ts";
import { CaptureCounters, createCaptureBlock } from "./capture-counters.ts";
import type {
  CaptureBirth,
  CaptureChannel,
  CaptureOrder,
  CaptureSink,
} from "./capture-messages.ts";

const FOLDER_MODE = 0o750;
const STOP_MS = 10_000;

/** Capture as the control thread sees it. */
export interface CaptureRoom {
  readonly counters: CaptureCounters;
  /** A channel for one serving thread; its port is to be transferred. */
  connect(): CaptureChannel;
  /** Waits until what serving threads sent is written, at most ten seconds. REQUIRES: they have ended. */
  stop(): Promise<void>;
}

/**
 * Starts the capture thread; null where nothing is captured.
 * @throws Error when the folder cannot be made or written
 */
export function openCaptureRoom(config: Config, log: Logger): CaptureRoom | null {
  const sink = sinkOf(config);
  if (sink === null) return null;
  if (sink.kind === "folder") prepareFolder(sink.folder);
  const counters = createCaptureBlock();
  const { captureQueueBytes: queueBytes, logLevel } = config;
  const birth: CaptureBirth = { sink, counters, queueBytes, logLevel };
  const worker = new Worker(siblingUrl(import.meta.url, "capture-thread"), { workerData: birth });
  let isStopping = false;
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.on("error", (error) => log.error({ err: error }, "the capture thread failed"));
  worker.on("exit", () => {
    if (!isStopping) log.error({}, "the capture thread ended: nothing is captured any more");
  });
  const order = (message: CaptureOrder, transferList: MessagePort[] = []) =>
    worker.postMessage(message, transferList);
  return {
    counters: new CaptureCounters(counters),
    connect: () => {
      const { port1, port2 } = new MessageChannel();
      order({ kind: "attach", port: port1 }, [port1]);
      const { captureRatio: ratio, captureModels: models, captureExclude: exclude } = config;
      return { port: port2, counters, queueBytes, ratio, models, exclude };
    },
    stop: async () => {
      isStopping = true;
      order({ kind: "stop" });
      const timer = setTimeout(() => {
        log.error({}, "the last capture records could not be written in time");
        void worker.terminate();
      }, STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

function sinkOf(config: Config): CaptureSink | null {
  const { captureFolder, captureStream, redisUrl } = config;
  if (captureFolder !== null) {
    const { captureFileSecs: fileSecs, captureFileBytes: fileBytes } = config;
    return { kind: "folder", folder: captureFolder, fileSecs, fileBytes };
  }
  if (captureStream === null || redisUrl === null) return null;
  return { kind: "redis", url: redisUrl, stream: captureStream };
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`captureFolder ${folder} cannot be written (${code ?? "unknown"})`);
  }
}
