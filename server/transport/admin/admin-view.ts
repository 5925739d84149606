import type { VersionExplanation } from "../../request/version-explanation.ts";

/** What the admin port shows; the composition root gathers it. Every field is always present. */

export interface AdminVersion {
  readonly version: number;
  readonly state: string;
  /** Why it is in that state, where there is something to say; null otherwise. */
  readonly reason: string | null;
  /** When it entered the state, ISO 8601. */
  readonly since: string;
  /** Memory that it takes when loaded, as measured at vetting; null: not vetted yet. */
  readonly costBytes: number | null;
  readonly isLoaded: boolean;
  readonly loadsOnRequest: boolean;
  /** It came back after an isolation and has not proved itself. */
  readonly isOnProbation: boolean;
  /** Requests waiting or running; 0 where it is not loaded. */
  readonly inFlight: number;
  /** When a failed version is tried again, ISO 8601; null: not by itself. */
  readonly retryAt: string | null;
}

export interface AdminModel {
  readonly name: string;
  /** Aliases of the repository, and where each leads now; null: nowhere yet. */
  readonly aliases: Readonly<
    Record<string, { readonly wanted: number; readonly leadsTo: number | null }>
  >;
  readonly swapPolicy: string;
  readonly isPinned: boolean;
  readonly versions: readonly AdminVersion[];
}

export interface AdminExplanation {
  readonly model: string;
  /** Most microseconds of a run on a serving thread; 0: none there. */
  readonly inlineBudgetUs: number;
  readonly maxQueueMs: number;
  readonly loaded: readonly VersionExplanation[];
  /** Versions that are known and not loaded. */
  readonly notLoaded: readonly AdminVersion[];
}

export interface AdminEvent {
  /** Grows by one an event, from 1 at the start of the server. */
  readonly id: number;
  readonly at: string;
  readonly model: string;
  readonly version: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string | null;
}

export interface AdminSetting {
  readonly key: string;
  /** A secret shows only whether it is set. */
  readonly value: unknown;
  /** `default`, a flag, an environment variable, or a line of server.yaml. */
  readonly from: string;
}

export interface AdminStatus {
  readonly isReady: boolean;
  readonly startedAt: string;
  readonly repository: string;
  readonly engine: string;
  readonly transport: string;
  readonly modelBytes: number;
  /** 0: no budget. */
  readonly maxModelBytes: number;
}

export interface AdminView {
  status(): AdminStatus;
  models(): readonly AdminModel[];
  /**
   * Why requests wait and batches close, of the loaded versions of a model.
   * @param version number or alias; null: all that are loaded
   * @throws InferError `model-not-found`, `version-not-found`
   */
  explain(model: string, version: string | null): Promise<AdminExplanation>;
  configuration(): readonly AdminSetting[];
  /** The events after `id` that are still known, oldest first. */
  eventsAfter(id: number): readonly AdminEvent[];
  /** Returns how to stop. */
  onEvent(listener: (event: AdminEvent) => void): () => void;
  /** Reads the repository's index now. @param principal who asks, for the audit log */
  lookNow(principal: string): void;
}
