import { assertTransition, type VersionState } from "./lifecycle.ts";
import type { LoadedVersion, VetReport } from "./loader.ts";
import type { ServableId, ServableInfo } from "./servable.ts";
import type { VersionStatus } from "./serving-map.ts";
import type { StateBus } from "./state-bus.ts";

/** A version in memory: what the data path is told of it, and the engine's hold on it. */
export interface LoadedServable<Channel> {
  readonly info: ServableInfo;
  readonly loaded: LoadedVersion<Channel>;
}

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** One version's place in its lifecycle; every step is checked and published. */
export class VersionRecord<Channel> {
  readonly id: ServableId;
  readonly manifestSha256: string;
  readonly #bus: StateBus;
  readonly #nowMs: () => number;
  #state: VersionState = "absent";
  #reason: string | null = null;
  #attempts = 0;
  #retryAtMs = 0;
  #sinceMs: number;
  servable: LoadedServable<Channel> | null = null;
  report: VetReport | null = null;
  /** Memory that it takes when loaded, as far as known; null until it was vetted. */
  costBytes: number | null = null;
  /** Size of the files that the runtime reads; null until they are on this disk. */
  fileBytes: number | null = null;
  /** It is wanted, but loads only when a request asks for it; requests wait for it. */
  isOnRequest = false;
  #isOnProbation = false;
  /** Should it fail now, it is not tried again by itself. */
  isLastTry = false;

  constructor(id: ServableId, manifestSha256: string, bus: StateBus, nowMs: () => number) {
    this.id = id;
    this.manifestSha256 = manifestSha256;
    this.#bus = bus;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  get state(): VersionState {
    return this.#state;
  }

  get status(): VersionStatus {
    return { version: this.id.version, state: this.#state, reason: this.#reason };
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** When it entered its state, epoch milliseconds. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** When it became ready, epoch milliseconds; now where it is not. */
  get readySinceMs(): number {
    return this.isReady ? this.#sinceMs : this.#nowMs();
  }

  /** A request may wait for it. */
  get isAwaitable(): boolean {
    return this.isOnRequest && this.#state !== "failed" && this.#state !== "ready";
  }

  get takesMemory(): boolean {
    return this.servable !== null || this.#state === "loading" || this.#state === "warming";
  }

  /** It came back after it misbehaved, and has not proved itself. */
  get isOnProbation(): boolean {
    return this.#isOnProbation;
  }

  endProbation(): void {
    this.#isOnProbation = false;
    this.#attempts = 0;
  }

  /** It misbehaves: tried again with growing pauses, until it has proved itself. */
  isolate(reason: string): void {
    this.#isOnProbation = true;
    this.fail(reason, false);
  }

  /** When a failed version may be tried again; Infinity when trying cannot help. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** Forgets that trying again was put off or ruled out. */
  retryNow(): void {
    this.#retryAtMs = 0;
    this.isLastTry = false;
  }

  /** Forgets that trying again was put off; what is ruled out stays so. */
  retrySoon(): void {
    if (Number.isFinite(this.#retryAtMs)) this.#retryAtMs = 0;
  }

  isLoadable(nowMs: number): boolean {
    // What was isolated may still hold its threads.
    if (this.servable !== null) return false;
    if (this.#state === "failed") return nowMs >= this.#retryAtMs;
    return this.#state === "absent" || this.#state === "unloaded";
  }

  /** @throws Error on a step that the lifecycle does not have */
  enter(to: VersionState, reason: string | null = null): void {
    const from = this.#state;
    assertTransition(from, to);
    this.#state = to;
    this.#reason = reason;
    this.#sinceMs = this.#nowMs();
    if (to === "ready") {
      if (!this.#isOnProbation) this.#attempts = 0;
      // The version before it is gone for good; what befalls this one from now on is tried again.
      this.isLastTry = false;
      this.isOnRequest = false;
    }
    this.#bus.publish({ id: this.id, from, to, reason, atMs: this.#sinceMs });
  }

  /** Retries back off from 1 s to 60 s and never stop, unless the bytes themselves are at fault. */
  fail(reason: string, isFinal: boolean): void {
    const delayMs = Math.min(RETRY_FIRST_MS * 2 ** this.#attempts, RETRY_MAX_MS);
    this.#attempts += 1;
    this.#retryAtMs =
      isFinal || this.isLastTry ? Number.POSITIVE_INFINITY : this.#nowMs() + delayMs;
    this.enter("failed", reason);
  }

  /** Puts it off until a request asks for it. REQUIRES: it is at rest. */
  putOff(reason: string): void {
    this.isOnRequest = true;
    if (this.#state === "failed") this.enter("unloaded", reason);
    else this.#reason = reason;
  }
}
