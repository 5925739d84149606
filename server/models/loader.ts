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
  /** What the vetting process grew by from before the load to after the runs: one session's worth. */
  readonly loadedBytes: number;
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

/** Where a batch ran: on the serving thread that it came in on, or on a thread of the engine. */
export const PLACEMENTS = ["inline", "engine"] as const;
export type PlacementName = (typeof PLACEMENTS)[number];

/**
 * Why a batch took no more requests. `not-batchable`: rows of the model may not be stacked, or the
 * request has none; `alone`: nothing else waited; `all-waiting`: everything that waited is in it;
 * `rows-full`: the next one would pass maxBatchRows; `shape`: what else waited has other shapes or
 * outputs; `budget`: the next one would pass inlineBudgetUs.
 */
export const BATCH_CLOSES = [
  "not-batchable",
  "alone",
  "all-waiting",
  "rows-full",
  "shape",
  "budget",
] as const;
export type BatchClose = (typeof BATCH_CLOSES)[number];

/** A loaded version, on the control thread. `Channel` is what a serving thread needs to use it. */
export interface LoadedVersion<Channel> {
  /** Batches run so far, over all threads. */
  batches(placement: PlacementName, closedBy: BatchClose): number;
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
  /**
   * Memory that a version takes when it is loaded, as far as it can be known before.
   * @param weightBytes of its files
   */
  costBytes(weightBytes: number, report: VetReport): number;
  /** `onWarming` is called once the graph is loaded and the first run begins. */
  load(options: LoadOptions, onWarming: () => void): Promise<LoadedVersion<Channel>>;
}
