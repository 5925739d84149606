import type { BatchClose, PlacementName } from "../../models/loader.ts";
import type { VersionRecord } from "../../models/version-record.ts";
import type { CounterReader } from "../../threads/shared-counters.ts";
import type { SharedGauge } from "../../threads/shared-gauge.ts";
import type { CaptureCounters } from "../capture/capture-counters.ts";
import type { SourceReadings } from "./source-metrics.ts";

/** What is shown of one known version. */
export type VersionReading = Pick<
  VersionRecord<unknown>,
  "id" | "state" | "sinceMs" | "takesMemory" | "costBytes" | "fileBytes"
>;

/** What the metrics page is rendered from; read anew at each scrape. */
export interface MetricsParts {
  readonly counters: CounterReader;
  readonly gauge: SharedGauge;
  /** Loaded versions and their rows. */
  readonly loaded: () => readonly {
    readonly model: string;
    readonly version: number;
    readonly slot: number;
    /** Batches run so far. */
    readonly batches: (placement: PlacementName, closedBy: BatchClose) => number;
  }[];
  /** Every known version, loaded or not. */
  readonly versions: () => readonly VersionReading[];
  /** Memory of loaded versions, as far as known, and what it may be; 0: no budget. */
  readonly modelBytes: () => number;
  readonly maxModelBytes: () => number;
  readonly inflightBytes: () => number;
  /** By the port's name, over all threads at it. */
  readonly connections: ReadonlyMap<
    "http" | "grpc",
    { readonly open: number; readonly refused: number }
  >;
  /** null: no TLS. */
  readonly certificate: {
    readonly expiresEpochMs: number;
    readonly renewals: { readonly changed: number; readonly failed: number };
  } | null;
  readonly isReady: () => boolean;
  readonly source: SourceReadings;
  /** null: nothing is captured. */
  readonly capture: CaptureCounters | null;
}
