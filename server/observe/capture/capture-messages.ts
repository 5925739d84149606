import type { MessagePort } from "node:worker_threads";
import type { LabelRecord } from "../../../protocols/capture/capture-record.ts";
import type { LogLevel } from "../../lib/log.ts";
import type { AnsweredPrediction } from "../../request/capture-tap.ts";

/** Messages of capture. Serving threads speak to the capture thread over a port of their own. */

export type CaptureSink =
  | {
      readonly kind: "folder";
      /** Absolute; it exists. */
      readonly folder: string;
      readonly fileSecs: number;
      readonly fileBytes: number;
    }
  | { readonly kind: "redis"; readonly url: string; readonly stream: string };

/** What the capture thread is born with. */
export interface CaptureBirth {
  readonly sink: CaptureSink;
  readonly counters: SharedArrayBuffer;
  readonly queueBytes: number;
  readonly logLevel: LogLevel;
}

/** What a serving thread needs to capture. */
export interface CaptureChannel {
  readonly port: MessagePort;
  readonly counters: SharedArrayBuffer;
  readonly queueBytes: number;
  readonly ratio: number;
  /** Globs over model names. */
  readonly models: readonly string[];
  /** Names of inputs. */
  readonly exclude: readonly string[];
}

export interface QueuedPrediction extends AnsweredPrediction {
  readonly atMs: number;
}

export type ToCapture =
  | {
      readonly kind: "predictions";
      readonly predictions: readonly QueuedPrediction[];
      /** Reserved in the queue for all of them. */
      readonly bytes: number;
    }
  | {
      readonly kind: "labels";
      readonly callId: number;
      readonly records: readonly LabelRecord[];
      readonly bytes: number;
    };

/** The answer to labels: null once they are durably kept, else why not. */
export interface LabelsStored {
  readonly callId: number;
  readonly problem: string | null;
}

/** From the control thread. */
export type CaptureOrder =
  | { readonly kind: "attach"; readonly port: MessagePort }
  | { readonly kind: "stop" };
