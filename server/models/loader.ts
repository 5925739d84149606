import type { Signature } from "../../protocols/core/signature.ts";
import type { ServableId, ServableKey } from "./servable.ts";
import type { LocalVersion } from "./source.ts";

/** What vetting found out about a version; the same for every version with these bytes. */
export interface VetReport {
  readonly signature: Signature;
  /** Stacked rows gave the same answers as single rows, and every tensor has a free dimension 0. */
  readonly isBatchable: boolean;
  /** One run of the sample, in milliseconds; null when no sample could be run. */
  readonly sampleMs: number | null;
  /** How many golden requests were reproduced. */
  readonly goldenCount: number;
  readonly peakRssBytes: number;
}

/** Lets a model in, or says why not. Implementation: server/engine. */
export interface Vetter {
  /**
   * Judges a version in a process of its own with limits on time and memory; a verdict is kept on
   * disk by content, so each version is judged once. Rejects with VetRefusal when the model is at
   * fault (never changes), with another error when the judging itself failed (may be tried again).
   */
  vet(version: LocalVersion, signal: AbortSignal): Promise<VetReport>;
}

/** The model is at fault; trying again cannot help. */
export class VetRefusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = "VetRefusal";
  }
}

/** A loaded version, on the control thread. `Channel` is what a serving thread needs to use it. */
export interface LoadedVersion<Channel> {
  /** A new channel for one serving thread; transferable with `transferList`. */
  connect(): { channel: Channel; transferList: readonly Transferable[] };
  /** Frees memory. REQUIRES: every channel is closed. Never aborts a started native call. */
  unload(): Promise<void>;
}

export type Transferable = ArrayBuffer | MessagePort;
type MessagePort = import("node:worker_threads").MessagePort;

export interface LoadOptions {
  readonly key: ServableKey;
  readonly id: ServableId;
  readonly version: LocalVersion;
  readonly report: VetReport;
  /** Rows per batch when the version is batchable. */
  readonly maxBatchRows: number;
}

/** Loads and warms versions. Implementation: server/engine. */
export interface Loader<Channel> {
  readonly name: string;
  /** `onWarming` is called once the graph is loaded and the first run begins. */
  load(options: LoadOptions, onWarming: () => void): Promise<LoadedVersion<Channel>>;
}
