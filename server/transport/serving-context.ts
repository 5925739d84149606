import type { LabelRecord } from "../../protocols/capture/capture-record.ts";
import type { Gatekeeper } from "../access/gatekeeper.ts";
import type { Principal } from "../access/principal.ts";
import type { Logger, LogLevel } from "../lib/log.ts";
import type { Pipeline } from "../request/pipeline.ts";
import type { VersionStatistics } from "../request/version-statistics.ts";
import type { ConnectionLimit } from "./connection-limit.ts";

/** What every transport of one serving thread stands on. */
export interface ServingContext {
  readonly pipeline: Pipeline;
  readonly gatekeeper: Gatekeeper;
  readonly log: Logger;
  /** Of this thread's port, shared with the other threads at it. */
  readonly connections: ConnectionLimit;
  /** Ready for traffic: the first models serve and no drain has begun. */
  isReady(): boolean;
  isDraining(): boolean;
  /**
   * Asks the control thread to load or unload a model (explicit mode).
   * @throws InferError `conflict`, `model-not-found`, `unavailable` with the reason of a failed load
   */
  steer(action: "load" | "unload", model: string, principal: Principal): Promise<void>;
  /** Of every loaded version, over all serving threads. */
  statistics(): Promise<readonly VersionStatistics[]>;
  logLevel(): LogLevel;
  /** Resolves once this thread and the control thread log by it; the others follow at once. */
  setLogLevel(level: LogLevel, principal: Principal): Promise<void>;
  /**
   * Resolves once the labels are durably kept.
   * @throws InferError `conflict` where nothing is captured, `queue-full`, `unavailable`
   */
  storeLabels(records: readonly LabelRecord[]): Promise<void>;
}

/** A listener on one thread. */
export interface Listener {
  /** The bound port. */
  readonly port: number;
  readonly name: string;
  /**
   * Reads the certificate files again for connections still to come; those that are open go on as they
   * are. A no-op without TLS. @throws Error where the files cannot be used: the certificate before stays
   */
  renewCertificate(): Promise<void>;
  /** Stops accepting; what is in flight goes on. */
  stopAccepting(): void;
  /** Resolves when nothing is in flight, or rejects after the deadline. Closes every connection. */
  close(deadlineMs: number): Promise<void>;
}
