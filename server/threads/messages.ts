import type { StatusCode } from "../../protocols/core/status.ts";
import type { JsonNonFinite } from "../../protocols/oip-rest/non-finite.ts";
import type { Denial } from "../access/key-gatekeeper.ts";
import type { KeyRecord } from "../access/key-record.ts";
import type { Role } from "../access/principal.ts";
import type { EngineChannel } from "../engine/connect.ts";
import type { LogLevel } from "../lib/log.ts";
import type { TlsFiles } from "../lib/tls-pair.ts";
import type { ServableInfo, ServableKey } from "../models/servable.ts";
import type { OnRequest, VersionStatus } from "../models/serving-map.ts";
import type { CaptureChannel } from "../observe/capture/capture-messages.ts";
import type { ThreadExplanation } from "../request/version-explanation.ts";
import type { VersionStatistics } from "../request/version-statistics.ts";

/** Messages between the control thread and the serving threads. Every field is always present. */

export type ThreadRole = "http" | "grpc";

/** How requests prove who they are. */
export type AccessMode =
  | { readonly kind: "keys"; readonly records: readonly KeyRecord[] }
  | { readonly kind: "open"; readonly role: Role };

/** What a serving thread is born with. */
export interface ThreadBirth {
  readonly role: ThreadRole;
  readonly index: number;
  readonly transport: "uws" | "node";
  /** The portable one is what serves without the addon: its threads do not load it. */
  readonly engine: "native" | "portable";
  readonly host: string;
  readonly port: number;
  /** null: plain text. */
  readonly tls: TlsFiles | null;
  readonly maxConnections: number;
  readonly logLevel: LogLevel;
  readonly access: AccessMode;
  readonly allowedHosts: "loopback" | "any";
  readonly corsOrigins: readonly string[];
  readonly maxBodyBytes: number;
  readonly maxInflightBytes: number;
  readonly compressFromBytes: number;
  readonly jsonNonFinite: JsonNonFinite;
  readonly maxStreamInflight: number;
  readonly maxStreamEgressBytes: number;
  readonly shared: SharedBlocks;
  /** null: nothing is captured. */
  readonly capture: CaptureChannel | null;
}

export interface SharedBlocks {
  /** Request bytes held, over all threads. */
  readonly bytes: SharedArrayBuffer;
  /** Requests in flight per version, over all threads. */
  readonly gauge: SharedArrayBuffer;
  /** Connections at this thread's port, over all threads at it. */
  readonly connections: SharedArrayBuffer;
  /** What is left of the keys' quotas, over all threads. */
  readonly quotas: SharedArrayBuffer;
  /** This thread's own counters. */
  readonly counters: SharedArrayBuffer;
}

export interface ModelNotice {
  readonly name: string;
  readonly aliases: readonly (readonly [string, number])[];
  readonly pendingAliases: readonly string[];
  /** Aliases and numbers that lead to a version that a request makes load. */
  readonly onRequest: readonly (readonly [string, OnRequest])[];
  readonly versions: readonly (readonly [number, ServableKey])[];
  readonly statuses: readonly VersionStatus[];
}

export interface ServableNotice {
  readonly info: ServableInfo;
  readonly channel: EngineChannel;
}

/** What a serving thread asks of the control thread. */
export type ControlAsk =
  | { readonly kind: "statistics" }
  | { readonly kind: "set-log-level"; readonly level: LogLevel; readonly principal: string };

export type ToThread =
  | {
      readonly kind: "publish";
      readonly generation: number;
      readonly isReady: boolean;
      readonly models: readonly ModelNotice[];
      /** Servables that this thread does not know yet. */
      readonly added: readonly ServableNotice[];
    }
  | { readonly kind: "keys"; readonly records: readonly KeyRecord[] }
  | { readonly kind: "steered"; readonly callId: number; readonly error: SteerError | null }
  /** Read the certificate files again. */
  | { readonly kind: "renew-certificate"; readonly renewal: number }
  /** The answer to `cold-load`; no error: this thread has been told to serve the version. */
  | { readonly kind: "cold-loaded"; readonly callId: number; readonly error: SteerError | null }
  /** End the requests of a servable that is in no publication any more. */
  | { readonly kind: "abandon"; readonly key: ServableKey }
  /** To a `statistics` ask: of every loaded version; to others nothing. */
  | {
      readonly kind: "told";
      readonly callId: number;
      readonly statistics: readonly VersionStatistics[];
    }
  | { readonly kind: "log-level"; readonly level: LogLevel }
  /** What this thread knows of a servable; answered by `explained`. */
  | { readonly kind: "explain"; readonly callId: number; readonly key: ServableKey }
  /** Report not ready, and go on serving. */
  | { readonly kind: "unready" }
  /** Stop accepting, answer what is in flight, close, end. */
  | { readonly kind: "stop"; readonly deadlineMs: number };

export interface SteerError {
  readonly code: StatusCode;
  readonly message: string;
}

export type FromThread =
  | { readonly kind: "listening"; readonly port: number; readonly transport: string }
  /** Could not start listening. */
  | { readonly kind: "stillborn"; readonly reason: string }
  | { readonly kind: "served"; readonly generation: number }
  | { readonly kind: "released"; readonly key: ServableKey }
  | { readonly kind: "denied"; readonly denial: Denial }
  /** @property failure why the certificate before is still in use; null: the new one is */
  | { readonly kind: "renewed"; readonly renewal: number; readonly failure: string | null }
  | {
      readonly kind: "steer";
      readonly callId: number;
      readonly action: "load" | "unload";
      readonly model: string;
      readonly principal: string;
    }
  /** A request waits for a version that loads on request. */
  | {
      readonly kind: "cold-load";
      readonly callId: number;
      readonly model: string;
      readonly version: number;
    }
  /** @property explanation null: this thread does not hold the servable */
  | {
      readonly kind: "explained";
      readonly callId: number;
      readonly explanation: ThreadExplanation | null;
    }
  | { readonly kind: "ask"; readonly callId: number; readonly ask: ControlAsk }
  | { readonly kind: "stopped"; readonly isClean: boolean };
